"""By which requests are filters kept and forgotten, in a workspace's trail and in the console?"""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.access import role_required
from accounts.http import NotVisible, TenantRequest
from accounts.models import Role
from accounts.operators import OperatorRequest
from audit.filters import queries, services
from audit.filters.forms import SaveForm, encoded
from audit.filters.models import MOST_FILTERS, ConsoleFilter
from audit.forms import OperatorFilter, TrailFilter
from audit.queries import people
from audit.reviews.forms import QueueFilter

LISTS: dict[ConsoleFilter.Place, tuple[str, type[forms.Form]]] = {
    ConsoleFilter.Place.QUEUE: ("operator:audit_review_changelist", QueueFilter),
    ConsoleFilter.Place.ENTRIES: ("operator:audit_entry_changelist", OperatorFilter),
}


@require_POST
@role_required(Role.ADMIN)
def save(request: TenantRequest) -> HttpResponse:
    """Keep the filters of the trail that the member looks at."""
    form, query = SaveForm(request.POST), ""
    if form.is_valid():
        chosen = form.chosen(TrailFilter, people=people())
        if chosen.reached():
            raise NotVisible(chosen.reached())
        query = encoded(chosen)
    try:
        if query:
            services.save(actor=request.tenant, name=form.cleaned_data["name"], query=query)
    except services.TooManyFilters:
        _too_many(request)
    return _back(request, form, reverse("audit:trail"), query)


@require_POST
@role_required(Role.ADMIN)
def remove(request: TenantRequest, filter_id: UUID) -> HttpResponse:
    """Forget one."""
    services.remove(kept=queries.get_own_or_refuse(filter_id))
    return redirect("audit:trail")


def save_for(request: OperatorRequest, place: ConsoleFilter.Place) -> HttpResponse:
    """Keep the filters of the list that an operator looks at."""
    name, filters = LISTS[place]
    form = SaveForm(request.POST)
    query = encoded(form.chosen(filters)) if form.is_valid() else ""
    try:
        if query:
            services.save_for(request.operator, place=place, name=form.cleaned_data["name"], query=query)
    except services.TooManyFilters:
        _too_many(request)
    return _back(request, form, reverse(name), query)


def remove_for(request: OperatorRequest, place: ConsoleFilter.Place, filter_id: UUID) -> HttpResponse:
    """Forget one of an operator's."""
    if not services.remove_for(request.operator, kept=filter_id):
        raise Http404("You keep no filter of this id.")
    return redirect(LISTS[place][0])


def _too_many(request: HttpRequest) -> None:
    messages.error(request, f"You keep {MOST_FILTERS} filters here. Remove one, then save this one.")


def _back(request: HttpRequest, form: forms.Form, list_url: str, query: str) -> HttpResponse:
    if not query:
        told = [str(error) for errors in form.errors.values() for error in errors]
        messages.error(request, " ".join(told) or "Choose filters first, then save them.")
    return redirect(f"{list_url}?{query}" if query else list_url)
