"""At which pages is an answer rated, and where does an agent's owner read how it was?"""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.access import role_required
from accounts.http import TenantRequest
from accounts.models import Role
from agents import access as agent_access
from conversations import access
from conversations.feedback import queries, services
from conversations.feedback.forms import FeedbackForm
from conversations.feedback.models import Feedback
from conversations.models import Message


@require_GET
def feedback(request: TenantRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    """Show what the member said about an answer, and the form to change it."""
    conversation = access.get_own_conversation_or_refuse(conversation_id)
    message = access.get_message_or_refuse(conversation, message_id)
    rating = Feedback.objects.filter(message=message).first()
    context = {"conversation": conversation, "message": message, "rating": rating, "form": FeedbackForm.of(rating)}
    return render(request, "conversations/feedback.html", context)


@require_POST
@role_required(Role.MEMBER)
def rate(request: TenantRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    """Rate an answer, by one click or with a comment."""
    conversation = access.get_own_conversation_or_refuse(conversation_id)
    message = access.get_message_or_refuse(conversation, message_id)
    form = FeedbackForm(request.POST)
    if not form.is_valid():
        context = {"conversation": conversation, "message": message, "rating": None, "form": form}
        return render(request, "conversations/feedback.html", context, status=422)
    said = form.cleaned_data
    # One click says nothing about the comment, and leaves it as it is.
    more = {"comment": said["comment"], "is_passed_on": said["pass_on"]} if "comment" in request.POST else {}
    try:
        services.rate(conversation, message, actor=request.tenant, is_helpful=said["helpful"] == "yes", **more)
    except services.NotRateable as refusal:
        messages.error(request, str(refusal))
    return _back(message)


@require_POST
@role_required(Role.MEMBER)
def withdraw(request: TenantRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    """Take the rating of an answer back."""
    conversation = access.get_own_conversation_or_refuse(conversation_id)
    message = access.get_message_or_refuse(conversation, message_id)
    services.withdraw(message, actor=request.tenant)
    return _back(message)


@require_GET
def agent_feedback(request: TenantRequest, key: str) -> HttpResponse:
    """Show the agent's owner how its answers were rated."""
    agent = agent_access.get_own_agent_or_refuse(request.tenant, key)
    verdict = queries.verdict_on(agent.pk)
    return render(request, "conversations/agent_feedback.html", {"agent": agent, "verdict": verdict})


def _back(message: Message) -> HttpResponse:
    return redirect(
        f"{reverse('conversations:detail', args=[message.conversation_id])}?at={message.pk}#message-{message.pk}"
    )
