"""Which pages show conversations, and which requests change them?"""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.access import role_required
from accounts.http import TenantRequest
from accounts.models import Role
from accounts.pagination import paginate
from conversations import access, queries, services, streaming
from conversations.forms import BeforeForm, QuestionForm, StartForm, TitleForm
from conversations.models import Conversation, Message

PAGE_SIZE = 30
AGENTS_OFFERED = 60
TOO_LONG = "A question has up to 8,000 characters. Shorten it, then ask again."


@require_GET
def conversation_list(request: TenantRequest) -> HttpResponse:
    """Show this member's conversations, newest first."""
    search = request.GET.get("q", "").replace("\x00", "").strip()
    page = paginate(queries.begun(search), request.GET.get("cursor"), PAGE_SIZE)
    can_start = access.can_ask(request.tenant)
    context = {"page": page, "search": search, "can_start": can_start}
    if can_start and not page.items:
        context |= _offer("")
    return render(request, "conversations/conversation_list.html", context)


@require_GET
@role_required(Role.MEMBER)
def conversation_new(request: TenantRequest) -> HttpResponse:
    """Choose whom to ask."""
    search = request.GET.get("q", "").replace("\x00", "").strip()
    return render(request, "conversations/conversation_new.html", {"search": search, **_offer(search)})


@require_POST
@role_required(Role.MEMBER)
def conversation_start(request: TenantRequest) -> HttpResponse:
    """Begin a conversation, with its first question where one was written."""
    form = StartForm(request.POST)
    if not form.is_valid():
        messages.error(request, TOO_LONG if "text" in form.errors else "Choose whom to ask.")
        return render(request, "conversations/conversation_new.html", _offer(""), status=422)
    agent = form.cleaned_data["agent"]
    try:
        conversation = services.start(
            agent,
            actor=request.tenant,
            text=form.cleaned_data["text"],
            submission=form.cleaned_data["submission"],
        )
    except services.Refusal as refusal:
        messages.error(request, str(refusal))
        return redirect("agents:detail", agent.slug)
    return redirect("conversations:detail", conversation.pk)


@require_GET
def conversation_detail(request: TenantRequest, conversation_id: UUID) -> HttpResponse:
    """Show a conversation with its composer, or an earlier part of a long one."""
    conversation = access.get_conversation_or_refuse(conversation_id)
    place = BeforeForm(request.GET)
    before = place.cleaned_data["before"] if place.is_valid() else None
    return _show(request, conversation, QuestionForm(), before=before)


@require_POST
@role_required(Role.MEMBER)
def conversation_ask(request: TenantRequest, conversation_id: UUID) -> HttpResponse:
    """Put a question."""
    conversation = access.get_conversation_or_refuse(conversation_id)
    form = QuestionForm(request.POST)
    if not form.is_valid():
        return _show(request, conversation, form, status=422)
    text, submission = form.cleaned_data["text"], form.cleaned_data["submission"]
    try:
        question = services.ask(conversation, actor=request.tenant, text=text, idempotency_key=submission)
    except services.Refusal as refusal:
        form.add_error(None, str(refusal))
        return _show(request, conversation, form, status=409)
    return _at(conversation, question)


@require_GET
def conversation_stream(request: TenantRequest, conversation_id: UUID) -> HttpResponseBase:
    """Send the latest answer as server-sent events, from where the browser left off."""
    conversation = access.get_conversation_or_refuse(conversation_id)
    last = request.headers.get("Last-Event-ID", "")
    if not streaming.has_news(conversation, last):
        # 204 tells an EventSource to stop asking.
        return HttpResponse(status=204)
    try:
        stream = streaming.AnswerStream(conversation, request.tenant, last, streaming.verifier(request))
    except streaming.TooManyStreams as refusal:
        return streaming.come_back_later(str(refusal))
    return streaming.response(stream)


@require_POST
@role_required(Role.MEMBER)
def conversation_rename(request: TenantRequest, conversation_id: UUID) -> HttpResponse:
    """Give a conversation another title."""
    conversation = access.get_conversation_or_refuse(conversation_id)
    form = TitleForm(request.POST)
    if form.is_valid():
        services.rename(conversation, actor=request.tenant, title=form.cleaned_data["title"])
    else:
        messages.error(request, "A title has 1 to 200 characters. The old one stays.")
    return redirect("conversations:detail", conversation.pk)


@require_POST
@role_required(Role.MEMBER)
def conversation_delete(request: TenantRequest, conversation_id: UUID) -> HttpResponse:
    """Delete a conversation."""
    services.delete(access.get_conversation_or_refuse(conversation_id), actor=request.tenant)
    messages.success(request, "The conversation was deleted.")
    return redirect("conversations:list")


@require_GET
def message_turn(request: TenantRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    """Answer with the HTML of one message: what a page puts in the place of its stream at the end."""
    conversation = access.get_conversation_or_refuse(conversation_id)
    message = access.get_message_or_refuse(conversation, message_id)
    queries.as_far_as_written([message])
    return render(request, "conversations/_turn.html", {"conversation": conversation, "message": message})


@require_POST
@role_required(Role.MEMBER)
def message_stop(request: TenantRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    """End an answer that is being written."""
    conversation = access.get_conversation_or_refuse(conversation_id)
    message = access.get_message_or_refuse(conversation, message_id)
    services.stop(conversation, actor=request.tenant, answer=message)
    return _at(conversation, message)


@require_POST
@role_required(Role.MEMBER)
def message_retry(request: TenantRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    """Have the latest question answered anew."""
    conversation = access.get_conversation_or_refuse(conversation_id)
    message = access.get_message_or_refuse(conversation, message_id)
    try:
        renewed = services.retry(conversation, actor=request.tenant, answer=message)
    except services.Refusal as refusal:
        messages.error(request, str(refusal))
        return redirect("conversations:detail", conversation.pk)
    return _at(conversation, renewed)


def _offer(search: str) -> dict[str, object]:
    agents = list(queries.askable(search)[: AGENTS_OFFERED + 1])
    return {"agents": agents[:AGENTS_OFFERED], "agents_left_out": len(agents) > AGENTS_OFFERED}


def _at(conversation: Conversation, message: Message) -> HttpResponse:
    """Lead to this very message: without a script a page opens at its top, and a long conversation's end is far from there."""
    return redirect(f"{reverse('conversations:detail', args=[conversation.pk])}#message-{message.pk}")


def _show(
    request: TenantRequest,
    conversation: Conversation,
    form: QuestionForm,
    *,
    before: int | None = None,
    status: int = 200,
) -> HttpResponse:
    turns, has_earlier = queries.page_of(conversation, before)
    context = {
        "conversation": conversation,
        "turns": turns,
        "has_earlier": has_earlier,
        "form": form,
        "can_ask": access.can_ask(request.tenant),
        "is_writing": bool(turns) and not turns[-1].is_finished,
        "silent": "" if turns else queries.why_silent(conversation, request.tenant.membership_id),
    }
    return render(request, "conversations/conversation_detail.html", context, status=status)
