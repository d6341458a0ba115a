"""Which pages show what an agent was before, and bring it back?"""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.access import role_required
from accounts.http import TenantRequest
from accounts.models import Role
from accounts.pagination import paginate
from agents import access, services
from agents.versions import content, diffs, queries

PAGE_SIZE = 30


@require_GET
@role_required(Role.MEMBER)
def version_list(request: TenantRequest, key: str) -> HttpResponse:
    """Show every version of an agent of one's own: who saved it, when, and what changed."""
    agent = access.get_own_agent_or_refuse(request.tenant, key)
    page = paginate(queries.versions_of(agent), request.GET.get("cursor"), PAGE_SIZE)
    return render(request, "agents/version_list.html", {"agent": agent, "page": page, "rows": queries.rows(page)})


@require_GET
@role_required(Role.MEMBER)
def version_detail(request: TenantRequest, key: str, version_id: UUID) -> HttpResponse:
    """Show what a version changed, or, with `?with=now`, what is different today."""
    agent = access.get_own_agent_or_refuse(request.tenant, key)
    version = queries.get_version_or_refuse(agent, version_id)
    is_now = request.GET.get("with") == "now"
    previous = queries.before(version)
    older, newer = (version.content, content.of(agent)) if is_now else (previous and previous.content, version.content)
    context = {
        "agent": agent,
        "version": version,
        "previous": previous,
        "is_now": is_now,
        "is_present": version.content == content.of(agent),
        "differences": diffs.between(older, newer) if older else [],
        "lost": content.recovered(version).note,
    }
    return render(request, "agents/version_detail.html", context)


@require_POST
@role_required(Role.MEMBER)
def version_restore(request: TenantRequest, key: str, version_id: UUID) -> HttpResponse:
    """Make an agent what it was in this version."""
    agent = access.get_own_agent_or_refuse(request.tenant, key)
    version = queries.get_version_or_refuse(agent, version_id)
    lost = services.return_to(agent, version, actor=request.tenant).note
    if lost:
        messages.warning(request, f"This is version {version.number} again, but not all of it. {lost}")
    else:
        messages.success(request, f"This is version {version.number} again.")
    return redirect("agents:detail", agent.slug)
