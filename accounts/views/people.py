"""Who belongs here, and how does an owner or admin change that?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts import cookies, queries
from accounts.access import accepts, has_role, recent_login_required, role_required
from accounts.departures import passing_from
from accounts.forms import PeopleFilter, RoleForm
from accounts.http import TenantRequest
from accounts.identity import providers
from accounts.models import Membership, Role
from accounts.pagination import paginate
from accounts.services import members
from accounts.views.refusals import refuse_act

PAGE_SIZE = 25
STAYS = (
    "Shared agents and files stay as they are; nobody reads the conversations that they share until they are restored."
)


@require_GET
def people(request: TenantRequest) -> HttpResponse:
    """The workspace's people; for owners and admins with when they were last here, and who is invited."""
    filters = PeopleFilter(request.GET)
    chosen = filters.cleaned_data if filters.is_valid() else {"q": "", "status": ""}
    page = paginate(queries.members(chosen["q"], chosen["status"]), request.GET.get("cursor"), PAGE_SIZE)
    may_change = has_role(request.tenant, Role.ADMIN)
    seen = queries.last_seen_of(page.items) if may_change else {}
    values = {
        "page": page,
        "rows": [(one, seen.get(one.pk)) for one in page.items],
        "filters": filters,
        "is_filtered": bool(chosen["q"] or chosen["status"]),
        "may_change": may_change,
        "invitations": queries.open_invitations() if may_change else [],
        "has_sso": providers.has_workos(),
    }
    return render(request, "accounts/people.html", values)


@require_GET
@role_required(Role.ADMIN)
def member(request: TenantRequest, member_id: UUID) -> HttpResponse:
    """One member, what is tied to them, and what can be done."""
    return _member_page(request, get_object_or_404(Membership, pk=member_id))


@accepts("role")
@require_POST
@role_required(Role.ADMIN)
@recent_login_required
def change_role(request: TenantRequest, member_id: UUID) -> HttpResponseBase:
    """Give a member another role."""
    found = get_object_or_404(Membership, pk=member_id)
    form = RoleForm(request.POST, highest=request.tenant.role)
    if not form.is_valid():
        return _member_page(request, found, form)
    role = Role(form.cleaned_data["role"])
    return _changed(
        request,
        found,
        lambda: members.change_role(actor=request.tenant, member=found, role=role),
        f"{found.display_name} is now {role.label.lower()}. It counts from their next request.",
    )


@require_POST
@role_required(Role.ADMIN)
@recent_login_required
def suspend(request: TenantRequest, member_id: UUID) -> HttpResponseBase:
    """Keep a member out until they are restored."""
    found = get_object_or_404(Membership, pk=member_id)
    return _changed(
        request,
        found,
        lambda: members.suspend(actor=request.tenant, member=found),
        f"{found.display_name} is suspended. Their sessions and keys have ended.",
    )


@require_POST
@role_required(Role.ADMIN)
@recent_login_required
def restore(request: TenantRequest, member_id: UUID) -> HttpResponseBase:
    """Let a suspended member in again."""
    found = get_object_or_404(Membership, pk=member_id)
    return _changed(
        request,
        found,
        lambda: members.restore(actor=request.tenant, member=found),
        f"{found.display_name} can sign in again. They need new API keys.",
    )


@require_POST
@role_required(Role.ADMIN)
@recent_login_required
def remove(request: TenantRequest, member_id: UUID) -> HttpResponseBase:
    """End a membership."""
    found = get_object_or_404(Membership, pk=member_id)
    return _changed(
        request,
        found,
        lambda: members.remove(actor=request.tenant, member=found),
        f"{found.display_name} is no longer a member. Their sessions and keys have ended.",
    )


@require_POST
@role_required(Role.OWNER)
@recent_login_required
def transfer(request: TenantRequest, member_id: UUID) -> HttpResponseBase:
    """Make a member an owner, and oneself an admin."""
    found = get_object_or_404(Membership, pk=member_id)
    return _changed(
        request,
        found,
        lambda: members.transfer_ownership(actor=request.tenant, member=found),
        f"{found.display_name} is now an owner, and you are an admin. Both of you get a mail.",
    )


@require_POST
def leave(request: TenantRequest) -> HttpResponseBase:
    """End one's own membership."""
    try:
        members.leave(actor=request.tenant)
    except members.Refused as refusal:
        refuse_act(request, refusal, members.SENTENCES)
    messages.success(request, f"You are no longer a member of {request.tenant.workspace_name}.")
    response = redirect("accounts:sign_in")
    cookies.take_session(response)
    return response


def _changed(request: TenantRequest, found: Membership, act: Callable[[], None], done: str) -> HttpResponseBase:
    try:
        act()
    except members.Refused as refusal:
        if refusal.why != "unchanged":
            refuse_act(request, refusal, members.SENTENCES)
        messages.info(request, members.SENTENCES["unchanged"])
    else:
        messages.success(request, done)
    return redirect("accounts:people")


def _member_page(request: TenantRequest, found: Membership, form: RoleForm | None = None) -> HttpResponse:
    ties, passing = queries.ties_of(found.pk), passing_from(found.pk)
    values = {
        "member": found,
        "form": form or RoleForm(initial={"role": found.role}, highest=request.tenant.role),
        "ties": ties,
        "passing": passing,
        "seen": queries.last_seen_of([found]).get(found.pk),
        "is_self": found.pk == request.tenant.membership_id,
        "may_change": request.tenant.role is Role.OWNER or found.role != Role.OWNER,
        "consequences": _consequences(ties, passing),
    }
    return render(request, "accounts/member.html", values, status=422 if form else 200)


def _consequences(ties: queries.Ties, passing: Mapping[str, list[str]]) -> dict[str, str]:
    """What a person has to know before they suspend or remove somebody, in words."""
    ends = f"{_counted(ties.sessions, 'session')} and {_counted(ties.keys, 'API key')} of theirs end at once"
    if ties.invitations:
        ends += f", and {_counted(ties.invitations, 'invitation')} that they sent"
    passes = "".join(_passing(noun, names) for noun, names in passing.items())
    private = " What they keep private stays theirs, and nobody can reach it."
    return {"suspend": f"{ends}. {STAYS}", "remove": f"{ends}.{passes}{private}"}


def _passing(noun: str, names: list[str]) -> str:
    told = ", ".join(f"“{name}”" for name in names[:3]) + (" and others" if len(names) > 3 else "")
    return f" {_counted(len(names), noun)} {'pass' if len(names) > 1 else 'passes'} to you: {told}."


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
