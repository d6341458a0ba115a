"""At which pages do operators review refusals, and by which requests do they act on them?"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from accounts.operators import OperatorAdmin, OperatorRequest, site
from accounts.requests import client_address
from audit.filters import queries as kept
from audit.filters.forms import encoded
from audit.filters.models import ConsoleFilter
from audit.reviews import queries, services
from audit.reviews.forms import BlockForm, NoteForm, QueueFilter, ResolveForm, UnblockForm
from audit.reviews.models import Resolution, Review

LIST = "operator:audit_review_changelist"
STATES = {
    "acknowledge": services.acknowledge,
    "assign": services.assign,
    "release": services.release,
    "reopen": services.reopen,
}
MEMBER_ACTS = {
    "end-sessions": services.end_sessions,
    "revoke-keys": services.revoke_keys,
    "suspend": services.suspend,
    "readmit": services.readmit,
}
DONE = {
    "end-sessions": "Every session of this member is over.",
    "revoke-keys": "Every API key of this member is withdrawn.",
    "suspend": "The member is suspended. Nothing of theirs opens the workspace any more.",
    "readmit": "The member is no longer suspended.",
}


def queue(pages: OperatorAdmin[Review], request: OperatorRequest) -> TemplateResponse:
    """The groups of refusals, the worst first."""
    form = QueueFilter(request.GET)
    groups, has_more = list[queries.Group](), False
    if form.is_valid():
        chosen = form.cleaned_data
        wanted = queries.Wanted(chosen["status"], chosen["severity"], int(chosen["days"] or 7), mine=chosen["mine"])
        groups, has_more = queries.queue(wanted, request.operator)
    values = {
        **pages.admin_site.each_context(request),
        "form": form,
        "groups": groups,
        "has_more": has_more,
        "blocks": queries.blocks(),
        "query": encoded(form),
        "saved": kept.of(request.operator, ConsoleFilter.Place.QUEUE),
    }
    status = 422 if form.errors else 200
    return TemplateResponse(request, "audit/operator_queue.html", values, status=status)


def group(pages: OperatorAdmin[Review], request: OperatorRequest, fingerprint: str) -> TemplateResponse:
    """One group: what it is, since when, what others wrote, and what can be done."""
    return _group_page(request, fingerprint, NoteForm())


def _group_page(request: HttpRequest, fingerprint: str, note: NoteForm) -> TemplateResponse:
    found = queries.whole(fingerprint)
    if found is None:
        raise Http404("Nothing of this kind was refused.")
    seen = {one.address: one.count for one in found.origins if one.until is None}
    values = {
        **site.each_context(request),
        "whole": found,
        "group": found.group,
        "suspect": next((one for one in found.entries if one.actor_type in ("member", "key") and one.actor_id), None),
        "note": note,
        "resolve": ResolveForm(),
        # To begin with where the latest came from, as far as it may still come in.
        "shut_out": BlockForm.choosing(seen, first=found.group.address) if seen else None,
    }
    return TemplateResponse(request, "audit/operator_group.html", values, status=422 if note.errors else 200)


def state(request: OperatorRequest, fingerprint: str, act: str) -> HttpResponse:
    """Acknowledge a group, take it on, give it back, or look at it again."""
    return _done(request, lambda: STATES[act](request.operator, fingerprint=_known(fingerprint)), fingerprint)


def resolve(request: OperatorRequest, fingerprint: str) -> HttpResponse:
    """Say what a group was."""
    form = ResolveForm(request.POST)
    if not form.is_valid():
        return _not_done(request, form, fingerprint)
    resolution = Resolution(form.cleaned_data["resolution"])
    return _done(
        request,
        lambda: services.resolve(request.operator, fingerprint=_known(fingerprint), resolution=resolution),
        fingerprint,
    )


def note(request: OperatorRequest, fingerprint: str) -> HttpResponse:
    """Write something down."""
    form = NoteForm(request.POST)
    if not form.is_valid():
        # Not by a redirect: what somebody wrote would be lost with it.
        return _group_page(request, fingerprint, form)
    text = form.cleaned_data["text"]
    return _done(
        request, lambda: services.note(request.operator, fingerprint=_known(fingerprint), text=text), fingerprint
    )


def block(request: OperatorRequest, fingerprint: str) -> HttpResponse:
    """Turn an address away for a time."""
    form = BlockForm(request.POST)
    if not form.is_valid():
        return _not_done(request, form, fingerprint)
    chosen = form.cleaned_data
    _known(fingerprint)
    try:
        return _done(
            request,
            lambda: services.block(
                request.operator, address=chosen["address"], minutes=chosen["minutes"], own=client_address(request)
            ),
            fingerprint,
            "The address is turned away at the door within two seconds.",
        )
    except services.ShutsYourselfOut:
        messages.error(request, "You are coming from this address yourself. Block it from elsewhere.")
    except services.ShutsEverybodyOut:
        messages.error(
            request,
            "This address belongs to a proxy of this installation: everybody comes through a proxy. Nobody was shut out.",
        )
    return redirect("operator:review_group", fingerprint)


def unblock(request: OperatorRequest) -> HttpResponse:
    """Let an address in again."""
    form = UnblockForm(request.POST)
    if not form.is_valid():
        return _not_done(request, form, "")
    network = form.cleaned_data["network"]
    return _done(
        request, lambda: services.unblock(request.operator, network=network), "", "The address is let in again."
    )


def member(request: OperatorRequest, fingerprint: str, entry_id: UUID, act: str) -> HttpResponse:
    """End the sessions, withdraw the keys, suspend or readmit the member behind an entry."""
    behind = queries.member_behind(fingerprint, entry_id)
    if behind is None:
        raise Http404("No member stands behind this entry.")
    return _done(
        request,
        lambda: MEMBER_ACTS[act](request.operator, member=behind[0], workspace=behind[1]),
        fingerprint,
        DONE[act],
    )


def _known(fingerprint: str) -> str:
    if not queries.is_known(fingerprint):
        raise Http404("Nothing of this kind was refused.")
    return fingerprint


def _done(request: HttpRequest, act: Callable[[], object], fingerprint: str, told: str = "") -> HttpResponse:
    try:
        act()
    except services.CameTooLate:
        messages.warning(request, "Nothing changed: somebody else was faster, or it was done already.")
    else:
        if told:
            messages.success(request, told)
    return redirect("operator:review_group", fingerprint) if fingerprint else redirect(LIST)


def _not_done(request: HttpRequest, form: forms.Form, fingerprint: str) -> HttpResponse:
    messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
    return redirect("operator:review_group", fingerprint) if fingerprint else redirect(LIST)
