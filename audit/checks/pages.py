"""At which pages of the console is the trail checked, and the isolation proven?"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.urls import path

from accounts.operators import OperatorAdmin, OperatorRequest, site
from audit import sealing
from audit.checks import queries, services
from audit.checks.models import Check, Proof

_ANSWERS = {
    services.Answer.UNDER_WAY: "One is under way already. This page shows how far it is.",
    services.Answer.TOO_SOON: "One ended less than a minute ago. Read what it found, or ask again in a minute.",
}
_NOT_ATTACKED = {
    services.Answer.UNDER_WAY: "A proof is under way already, so nothing is attacked yet. Choose Prove and attack again when it has ended.",
    services.Answer.TOO_SOON: "A proof ended less than a minute ago, so nothing is attacked yet. Choose Prove and attack again in a minute.",
}


class CheckAdmin(OperatorAdmin[Check]):
    """Checks of the whole trail against its seals."""

    purpose = "Whether any entry was changed, removed, moved, added or cut off since it was sealed."
    room = "Audit"

    def get_urls(self) -> list[Any]:
        """The latest, asking for another, and how far that is."""
        name = "operator_check"
        return [
            path("", site.admin_view(self.changelist_view), name="audit_check_changelist"),
            path("begin/", site.act_view(self.begin_view), name=f"{name}_begin"),
            path("state/", site.progress_view(self.state_view), name=f"{name}_state"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """What the latest check found, and the ones before."""
        found = queries.checks()
        values = {"latest": found[0] if found else None, "earlier": found[1:], "outside": sealing.outside()}
        return _page(request, "audit/operator_checks.html", values)

    def begin_view(self, request: OperatorRequest) -> HttpResponse:
        """Ask for one; the worker makes it."""
        _say(request, services.ask_for_check(request.operator))
        return redirect("operator:audit_check_changelist")

    def state_view(self, request: OperatorRequest) -> HttpResponse:
        """How far the latest is, as a fragment that asks again for itself until it is done."""
        return render(request, "audit/_operator_check.html", {"latest": next(iter(queries.checks()), None)})


class ProofAdmin(OperatorAdmin[Proof]):
    """Proofs that the database keeps workspaces apart."""

    purpose = "Whether the database keeps workspaces apart: what it says of itself, and attacks on it."
    room = "Audit"

    def get_urls(self) -> list[Any]:
        """The latest, asking for another, how far that is, and a report as a file."""
        name = "operator_proof"
        return [
            path("", site.admin_view(self.changelist_view), name="audit_proof_changelist"),
            path("begin/", site.act_view(self.begin_view), {"attacks": False}, name=f"{name}_begin"),
            path("attack/", site.act_view(self.begin_view), {"attacks": True}, name=f"{name}_attack"),
            path("state/", site.progress_view(self.state_view), name=f"{name}_state"),
            path("<uuid:run_id>/document/", site.admin_view(self.document_view), name=f"{name}_document"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """What the latest proof said, section by section, and the ones before."""
        found = queries.proofs()
        values = {"latest": found[0] if found else None, "earlier": found[1:]}
        return _page(request, "audit/operator_proofs.html", values)

    def begin_view(self, request: OperatorRequest, attacks: bool) -> HttpResponse:
        """Ask for one; the worker makes it in a process of its own."""
        answer = services.ask_for_proof(request.operator, attacks=attacks)
        if attacks and answer in _NOT_ATTACKED:
            messages.warning(request, _NOT_ATTACKED[answer])
        else:
            _say(request, answer)
        return redirect("operator:audit_proof_changelist")

    def state_view(self, request: OperatorRequest) -> HttpResponse:
        """What the latest is or said, as a fragment that asks again for itself until it is done."""
        return render(request, "audit/_operator_proof.html", {"latest": next(iter(queries.proofs()), None)})

    def document_view(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        """The whole report of one, as ``manage.py prove_isolation --json`` prints it."""
        found = queries.proof(run_id)
        if found is None:
            raise Http404("There is no finished proof of this id.")
        response = HttpResponse(json.dumps(found.result, indent=2), content_type="application/json")
        response["Content-Disposition"] = f'attachment; filename="isolation-{found.asked_at:%Y-%m-%d-%H%M}.json"'
        return response


def _page(request: HttpRequest, template: str, values: dict[str, Any]) -> TemplateResponse:
    return TemplateResponse(request, template, {**site.each_context(request), **values})


def _say(request: HttpRequest, answer: services.Answer) -> None:
    if told := _ANSWERS.get(answer):
        messages.info(request, told)


site.register(Check, CheckAdmin)
site.register(Proof, ProofAdmin)
