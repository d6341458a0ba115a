"""Which pages show agents, and which requests change them?"""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import role_required
from accounts.http import NotVisible, TenantRequest, note_reached
from accounts.models import Role
from accounts.pagination import paginate
from accounts.sharing import takes_back
from agents import access, queries, services
from agents.forms import AgentForm, DuplicateForm, NewAgentForm, SharingForm
from agents.models import Agent
from agents.tools import queries as tools

PAGE_SIZE = 24


@require_GET
def agent_list(request: TenantRequest) -> HttpResponse:
    """Show the agents that this member may ask, newest first."""
    search, archived = request.GET.get("q", "").replace("\x00", "").strip(), request.GET.get("show") == "archived"
    page = paginate(queries.listed(search, archived=archived), request.GET.get("cursor"), PAGE_SIZE)
    context = {
        "page": page,
        "search": search,
        "archived": archived,
        "can_create": access.can_create(request.tenant),
    }
    return render(request, "agents/agent_list.html", context)


@require_GET
def agent_detail(request: TenantRequest, key: str) -> HttpResponse:
    """Show one agent: what it is for, what it answers from, and a box to ask it."""
    agent = access.get_agent_or_refuse(key)
    context = {
        "agent": agent,
        "files": queries.files_of(agent),
        "hidden": queries.hidden_files(agent),
        "tools": tools.chosen_for(agent) if agent.provider == Agent.Provider.MODEL else (),
        "people": queries.shared_with(agent),
        "silent": queries.why_silent(agent, request.tenant.membership_id),
        "can_ask": access.can_create(request.tenant) and agent.archived_at is None,
        "can_change": access.can_change(request.tenant, agent),
        "is_own": access.is_own(request.tenant, agent),
        "can_create": access.can_create(request.tenant),
    }
    return render(request, "agents/agent_detail.html", context)


@require_http_methods(["GET", "POST"])
@role_required(Role.MEMBER)
def agent_create(request: TenantRequest) -> HttpResponse:
    """Make an agent."""
    form = NewAgentForm(request.POST, reader=request.tenant) if request.method == "POST" else _beginning(request)
    if request.method != "POST" or not form.is_valid():
        status = 422 if request.method == "POST" else 200
        return render(request, "agents/agent_form.html", {"form": form, "agent": None}, status=status)
    agent = services.create(actor=request.tenant, **form.everything())
    return redirect("agents:detail", agent.slug)


def _beginning(request: TenantRequest) -> AgentForm:
    """The form of a new agent, with the file chosen from whose page somebody comes."""
    file_id = request.GET.get("with", "")
    form, wanted = NewAgentForm.beginning(file_id, request.tenant), NotVisible.among([file_id])
    if wanted.ids and "attached" not in form.initial:
        # The page is the same for what is gone and what is somebody else's; the record learns which id it was.
        note_reached(request, wanted)
    return form


@require_http_methods(["GET", "POST"])
@role_required(Role.MEMBER)
def agent_edit(request: TenantRequest, key: str) -> HttpResponse:
    """Change an agent of one's own."""
    agent = access.get_own_agent_or_refuse(request.tenant, key)
    form = (
        AgentForm(request.POST, agent=agent, reader=request.tenant)
        if request.method == "POST"
        else AgentForm.of(agent, request.tenant)
    )
    if not form.is_valid():
        status = 422 if request.method == "POST" else 200
        return render(request, "agents/agent_form.html", {"form": form, "agent": agent}, status=status)
    services.edit(agent, actor=request.tenant, **form.everything())
    return redirect("agents:detail", agent.slug)


@require_http_methods(["GET", "POST"])
@role_required(Role.MEMBER, unless=takes_back)
def agent_share(request: TenantRequest, key: str) -> HttpResponse:
    """Choose who can ask an agent of one's own."""
    agent = access.get_own_agent_or_refuse(request.tenant, key, to_take_back=takes_back(request))
    is_sent = request.method == "POST"
    form = SharingForm(request.POST, reader=request.tenant) if is_sent else SharingForm.of(agent, request.tenant)
    if not form.is_valid():
        context = {"form": form, "agent": agent, "private_note": queries.private_note(agent)}
        return render(request, "agents/agent_share.html", context, status=422 if is_sent else 200)
    services.share(agent, actor=request.tenant, **form.chosen())
    messages.success(request, queries.who_can_ask(agent, request.tenant))
    return redirect("agents:detail", agent.slug)


@require_POST
@role_required(Role.MEMBER)
def agent_duplicate(request: TenantRequest, key: str) -> HttpResponse:
    """Make a private copy of any agent that one may see."""
    agent, form = access.get_agent_or_refuse(key), DuplicateForm(request.POST)
    submission = form.cleaned_data["submission"] if form.is_valid() else None
    copy = services.duplicate(agent, actor=request.tenant, submission=submission)
    messages.success(request, f"This is your copy: {copy.name}.")
    return redirect("agents:edit", copy.slug)


@require_POST
@role_required(Role.MEMBER)
def agent_archive(request: TenantRequest, key: str) -> HttpResponse:
    """Put an agent away."""
    agent = access.get_own_agent_or_refuse(request.tenant, key)
    services.archive(agent, actor=request.tenant)
    return redirect("agents:detail", agent.slug)


@require_POST
@role_required(Role.MEMBER)
def agent_restore(request: TenantRequest, key: str) -> HttpResponse:
    """Take an agent out of the archive."""
    agent = access.get_own_agent_or_refuse(request.tenant, key)
    services.restore(agent, actor=request.tenant)
    return redirect("agents:detail", agent.slug)


@require_POST
@role_required(Role.MEMBER)
def agent_delete(request: TenantRequest, key: str) -> HttpResponse:
    """Delete an agent."""
    agent = access.get_own_agent_or_refuse(request.tenant, key)
    services.delete(agent, actor=request.tenant)
    messages.success(request, f"{agent.name} was deleted.")
    return redirect("agents:list")
