"""Where do people read how their data is protected: members with what is so now, visitors with what stands anyway?"""

from __future__ import annotations

import json
from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts import installation
from accounts.access import has_role, public, role_required
from accounts.http import TenantRequest
from accounts.models import Role
from aiaxis.protection import facts, living, standing
from aiaxis.protection.facts import Fact
from aiaxis.protection.promise import PROMISES, Promise


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the promise, with what is so here."""

    promise: Promise
    facts: list[Fact]


@require_safe
@role_required(Role.VIEWER)
def protection(request: TenantRequest) -> HttpResponse:
    """Row by row of the promise, with the facts of this deployment as a member may know them."""
    live = facts.read(request.tenant)
    values = {
        "rows": _rows(living.facts(live)),
        "missing": _missing(request),
        "read_at": timezone.now(),
        "has_report": live.attacked is not None and has_role(request.tenant, Role.OWNER),
    }
    return render(request, "aiaxis/protection.html", values)


@require_safe
@role_required(Role.OWNER)
def report(request: TenantRequest) -> HttpResponse:
    """The latest proof with its attacks, in numbers. Where a hole is, if there is one, only operators read."""
    found = facts.attacked()
    if found is None:
        raise Http404("The attacks have not been tried on this deployment yet.")
    response = HttpResponse(json.dumps(found.report, indent=2), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="isolation-{found.at:%Y-%m-%d-%H%M}.json"'
    return response


@public
@require_safe
def trust(request: HttpRequest) -> HttpResponse:
    """The same for whoever is not signed in: how it is built and set up, and nothing that a database would have to say."""
    return render(request, "aiaxis/trust.html", {"rows": _rows({}), "missing": _missing(request)})


def _rows(live: dict[str, list[Fact]]) -> list[Row]:
    standing_facts = standing.facts()
    return [Row(one, [*live.get(one.mark, []), *standing_facts[one.mark]]) for one in PROMISES]


def _missing(request: HttpRequest) -> list[installation.Part]:
    return [part for part in installation.of_settings(is_secure=request.is_secure()) if not part.is_configured]
