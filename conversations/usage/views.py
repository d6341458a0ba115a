"""Where does a member see what was used, and take it away as a file?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from django.db import transaction
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts import spreadsheets
from accounts.access import has_role
from accounts.days import DaysForm
from accounts.http import Tenant, TenantRequest
from accounts.middleware.headers import SANDBOX
from accounts.models import Role
from conversations import signals
from conversations.usage import queries
from conversations.usage.models import DailyUse

COLUMNS = ("day", "member", "agent", "agent_id", *queries.NUMBERS[:-1], "cost")


@require_safe
def usage(request: TenantRequest) -> HttpResponse:
    """What was used: of oneself, or, for owners and administrators, of everybody."""
    form = DaysForm(request.GET)
    chosen = form.cleaned_data if form.is_valid() else {}
    found = queries.usage(*queries.days(chosen.get("since"), chosen.get("until")))
    values: dict[str, Any] = {
        "form": form,
        "usage": found,
        "members": found.members[: queries.MOST_LINES],
        "agents": found.agents[: queries.MOST_LINES],
        "stored": found.stored[: queries.MOST_LINES],
        "most": queries.MOST_LINES,
        "is_keeper": has_role(request.tenant, Role.ADMIN),
        "is_cut": bool(chosen.get("since")) and chosen["since"] < found.first,
    }
    return render(request, "conversations/usage.html", values, status=200 if form.is_valid() else 422)


@require_safe
def usage_file(request: TenantRequest) -> HttpResponseBase:
    """The same day by day, member by member and agent by agent, as CSV."""
    form = DaysForm(request.GET)
    if not form.is_valid():
        return usage(request)
    first, last = queries.days(form.cleaned_data["since"], form.cleaned_data["until"])
    response = StreamingHttpResponse(_written(request.tenant, first, last), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="usage-{first}-to-{last}.csv"'
    response["Content-Security-Policy"] = SANDBOX
    response["Cache-Control"] = "private, no-store"
    return response


def _written(actor: Tenant, first: date, last: date) -> Iterator[str]:
    # Recorded before the first line leaves.
    with transaction.atomic():
        signals.usage_exported.send(DailyUse, actor=actor, days=(last - first).days + 1)
    return _lines(first, last)


def _lines(first: date, last: date) -> Iterator[str]:
    yield spreadsheets.lines([COLUMNS])
    for part in queries.lines(first, last):
        yield spreadsheets.lines(_row(*one) for one in part)


def _row(day: date, member: str, line: queries.Line) -> list[str]:
    numbers = [str(getattr(line.numbers, name)) for name in queries.NUMBERS[:-1]]
    cost = f"{line.numbers.money / queries.MILLION:.6f}"
    return [day.isoformat(), member, line.name, str(line.id or ""), *numbers, cost]
