"""How does somebody try an agent from its form, see the answer come, stop it, and be rid of it?"""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.access import role_required
from accounts.http import TenantRequest
from accounts.models import Role
from agents import access as agent_access
from conversations import queries, streaming
from conversations import services as conversations
from conversations.trying import access, services
from conversations.trying.forms import TrialForm
from conversations.trying.models import Trial

PAGE = "conversations/trial.html"


@require_POST
@role_required(Role.MEMBER)
def trial_begin(request: TenantRequest) -> HttpResponse:
    """Ask an agent as its form stands: one of one's own, or one that is not made yet."""
    key = request.POST.get("agent", "")
    agent = agent_access.get_own_agent_or_refuse(request.tenant, key) if key else None
    form = TrialForm(request.POST, agent=agent)
    if not form.is_valid():
        return render(request, PAGE, {"form": form}, status=422)
    try:
        trial = services.begin(
            form.cleaned_data["question"],
            actor=request.tenant,
            settings=form.settings(),
            file_ids=form.file_ids(),
            agent=agent,
        )
    except conversations.TooManyWaiting as refusal:
        form.add_error(None, str(refusal))
        return render(request, PAGE, {"form": form}, status=409)
    return redirect("conversations:trial", trial.pk)


@require_GET
def trial(request: TenantRequest, trial_id: UUID) -> HttpResponse:
    """Show a try: the question, and the answer as far as it is written."""
    return render(request, PAGE, _shown(access.get_trial_or_refuse(trial_id)))


@require_GET
def trial_answer(request: TenantRequest, trial_id: UUID) -> HttpResponse:
    """Answer with the HTML of the answer alone, for the pane that followed it."""
    return render(request, "conversations/_trial_answer.html", _shown(access.get_trial_or_refuse(trial_id)))


@require_GET
def trial_stream(request: TenantRequest, trial_id: UUID) -> HttpResponseBase:
    """Send the answer as server-sent events, from where the browser left off."""
    return streaming.follow(request, access.get_trial_or_refuse(trial_id).conversation)


@require_POST
@role_required(Role.MEMBER)
def trial_stop(request: TenantRequest, trial_id: UUID) -> HttpResponse:
    """End an answer that is being written."""
    found = access.get_trial_or_refuse(trial_id)
    conversations.stop(found.conversation, actor=request.tenant, answer=access.said_in(found)[1])
    return redirect("conversations:trial", found.pk)


@require_POST
@role_required(Role.MEMBER)
def trial_end(request: TenantRequest, trial_id: UUID) -> HttpResponse:
    """Delete a try, and lead back to the form."""
    found = access.get_trial_or_refuse(trial_id)
    agent = found.conversation.agent
    services.end(found, actor=request.tenant)
    return redirect("agents:edit", agent.slug) if agent else redirect("agents:create")


def _shown(found: Trial) -> dict[str, object]:
    question, answer = access.said_in(found)
    return {
        "trial": found,
        "conversation": found.conversation,
        "question": question,
        "message": queries.as_far_as_written([answer])[0],
    }
