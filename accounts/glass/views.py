"""At which pages do operators see visits, and by which requests do they ask for, approve and end them?"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from accounts.glass import queries, services
from accounts.glass.forms import AskForm, PlaceForm
from accounts.glass.models import Visit
from accounts.glass.sections import SECTIONS
from accounts.operators import OperatorRequest, site
from accounts.pagination import paginate

VISITS_ON_A_PAGE = 30
LIST, ONE = "operator:accounts_visit_changelist", "operator:accounts_visit_change"
NOBODY_TO_TELL = (
    "This workspace has no active owner, so nobody could be told that you look. Let an owner in again first."
)
TOO_LATE = "Nothing changed: it is over, somebody else was faster, or it is your own request."


def visit_list(request: OperatorRequest) -> TemplateResponse:
    """Every visit, the latest first, and the workspaces that one can be asked for."""
    form = PlaceForm(request.GET)
    words = form.cleaned_data["q"] if form.is_valid() else ""
    page = paginate(queries.visits(), request.GET.get("cursor"), VISITS_ON_A_PAGE)
    values = {
        **site.each_context(request),
        "form": form,
        "places": queries.places(words) if words else [],
        "page": page,
        "rows": queries.with_names(page.items),
    }
    return TemplateResponse(request, "accounts/operator_glass_visits.html", values, status=422 if form.errors else 200)


def visit_new(request: OperatorRequest, place_id: UUID) -> TemplateResponse:
    """What has to be said before the glass is broken."""
    return _form(request, place_id, AskForm(), status=200)


def ask(request: OperatorRequest, place_id: UUID) -> HttpResponse:
    """Ask for a visit; where there is no second operator it is open at once."""
    form = AskForm(request.POST)
    if not form.is_valid():
        return _form(request, place_id, form, status=422)
    _name_or_404(place_id)
    try:
        visit = services.ask(request.operator, place=place_id, **form.cleaned_data)
    except services.OneAtATime:
        form.add_error(None, "You have a visit already, open or waiting. End it, then ask for this one.")
        return _form(request, place_id, form, status=409)
    except services.NobodyToTell:
        form.add_error(None, NOBODY_TO_TELL)
        return _form(request, place_id, form, status=409)
    return redirect(ONE, visit.pk)


def visit_one(request: OperatorRequest, visit_id: UUID) -> TemplateResponse:
    """One visit: what was asked, who allowed it, until when, and what can be done."""
    visit = queries.visits().filter(pk=visit_id).first()
    if visit is None:
        raise Http404("There is no such visit.")
    values = {
        **site.each_context(request),
        "visit": visit,
        "place": queries.name_of(visit.workspace_id),
        "is_mine": visit.operator_id == request.operator.user_id,
        "is_here": visit.is_open and visit.session_id == request.operator.session_id,
        "sections": SECTIONS,
    }
    return TemplateResponse(request, "accounts/operator_glass_visit.html", values)


def approve(request: OperatorRequest, visit_id: UUID) -> HttpResponse:
    """Open what another operator asked for."""
    return _done(request, services.approve, visit_id, "The visit is open. The workspace’s owners are told by mail.")


def decline(request: OperatorRequest, visit_id: UUID) -> HttpResponse:
    """Refuse what another operator asked for."""
    return _done(request, services.decline, visit_id, "The request is declined.")


def close(request: OperatorRequest, visit_id: UUID) -> HttpResponse:
    """End a visit before its time, or take one's own request back."""
    return _done(request, services.close, visit_id, "It is closed. Nothing is shown by it any more.")


def _done(request: OperatorRequest, act: Callable[..., Visit], visit_id: UUID, told: str) -> HttpResponse:
    if not queries.visits().filter(pk=visit_id).exists():
        raise Http404("There is no such visit.")
    try:
        act(request.operator, visit_id=visit_id)
    except services.CameTooLate:
        messages.warning(request, TOO_LATE)
    except services.NobodyToTell:
        messages.error(request, NOBODY_TO_TELL)
    else:
        messages.success(request, told)
    return redirect(ONE, visit_id)


def _form(request: OperatorRequest, place_id: UUID, form: AskForm, *, status: int) -> TemplateResponse:
    values = {
        **site.each_context(request),
        "form": form,
        "place": _name_or_404(place_id),
        "place_id": place_id,
        "needs_second": queries.has_second(request.operator),
    }
    return TemplateResponse(request, "accounts/operator_glass_new.html", values, status=status)


def _name_or_404(place_id: UUID) -> str:
    name = queries.name_of(place_id)
    if name is None:
        raise Http404("There is no such workspace.")
    return name
