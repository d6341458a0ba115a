"""How does somebody ask for a check, and how is what it found kept?

Asking is a function of the database, believed of a live operator or of an owner or administrator, and an entry in the same
transaction. The worker answers (``running.py``); what a start or a terminal proved by itself is kept here as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from django.db import connections, transaction

from accounts import rounds
from accounts.http import Tenant
from accounts.operators import Operator
from accounts.tenancy import claims
from accounts.tenancy.models import new_id
from audit import entries, ledger, services
from audit.checks.models import Proof
from audit.rules import Outcome

CHECK_ROUND, PROOF_ROUND = "audit.check", "audit.prove"
KEPT: Final = 20
DATABASE: Final = "seal"
_NAMES: Final = {Proof.Origin.START: "AiAxis", Proof.Origin.TERMINAL: "The server’s terminal"}
_KEEP: Final = (
    "INSERT INTO audit_proof (id, state, asked_at, asked_name, began_at, ended_at, attempts, holds, result, origin, attacks) "
    "VALUES (%s, 'done', %s, %s, %s, clock_timestamp(), 1, %s, %s::jsonb, %s, %s)"
)
_ANSWER: Final = (
    "UPDATE audit_proof SET state = 'done', ended_at = clock_timestamp(), holds = %s, result = %s::jsonb "
    "WHERE id = %s AND state = 'running'"
)
# Every process of a start proves it for itself, and a start that held is no news after the next one.
_LET_STARTS_GO: Final = "DELETE FROM audit_proof WHERE origin = 'start' AND holds AND id <> %s"
_LET_GO: Final = (
    "DELETE FROM audit_proof WHERE state IN ('done', 'failed') "
    "AND id NOT IN (SELECT id FROM audit_proof ORDER BY asked_at DESC, id DESC LIMIT %s)"
)


class Answer(StrEnum):
    """What became of the wish."""

    ASKED = "asked"
    UNDER_WAY = "under way"
    TOO_SOON = "too soon"


def ask_for_check(operator: Operator) -> Answer:
    """Have the whole trail compared with its seals. Raises ``audit.services.Unrecorded``, which undoes it."""
    return _ask(operator, "trail", CHECK_ROUND)


def ask_for_proof(operator: Operator, *, attacks: bool) -> Answer:
    """Have the isolation proven, with the attacks if wanted. Raises ``audit.services.Unrecorded``, which undoes it."""
    return _ask(operator, "attacks" if attacks else "catalogue", PROOF_ROUND)


def ask_for_own_check(actor: Tenant) -> Answer:
    """Have the part of the trail that stands in the bound workspace compared with its seals."""
    with transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute("SELECT fence.ask_for_own_check(%s)", [new_id()])
        answer = Answer(cursor.fetchone()[0])
        if answer == Answer.ASKED:
            ledger.post_fact(entries.fact("trail.check_asked", actor=actor))
            rounds.hurry(CHECK_ROUND)
    return answer


def _ask(operator: Operator, kind: str, name: str) -> Answer:
    sealed = claims.sealed("check", session=str(operator.session_id), kind=kind, id=str(new_id()))
    with transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute("SELECT fence.ask_for_check(%s)", [sealed])
        answer = Answer(cursor.fetchone()[0])
        if answer == Answer.ASKED:
            detail = {"of": kind}
            services.record_or_refuse(
                entries.operator_act(
                    "check.asked", operator_id=operator.user_id, name=operator.display_name, detail=detail
                )
            )
            rounds.hurry(name)
    return answer


def keep_proof(report: Mapping[str, Any], *, origin: str, run: UUID | None = None) -> None:
    """Keep what a proof said: as the answer of a ``run`` that was asked for, or as one of its own. Raises ``django.db.Error``."""
    holds = not (report["findings"] or report["leaking"])
    with transaction.atomic(using=DATABASE), connections[DATABASE].cursor() as cursor:
        if run is not None:
            cursor.execute(_ANSWER, [holds, json.dumps(report), run])
        else:
            began, attacks, kept = report["proven_at"], bool(report["attacks"]), new_id()
            name = _NAMES[Proof.Origin(origin)]
            cursor.execute(_KEEP, [kept, began, name, began, holds, json.dumps(report), origin, attacks])
            if origin == Proof.Origin.START:
                cursor.execute(_LET_STARTS_GO, [kept])
        cursor.execute(_LET_GO, [KEPT])
    if origin != Proof.Origin.START or not holds:
        detail = {"origin": origin, **{name: report[name] for name in ("attacks", "leaks", "broken")}}
        note("isolation", holds=holds, findings=len(report["findings"]), **detail)


def note(subject: str, *, holds: bool, workspace_id: UUID | None = None, **detail: object) -> None:
    """Record what a check of the ``subject`` ("trail", "isolation") came to: a hole is critical, whoever asked."""
    action = {"trail": ("trail.broken", "trail.verified"), "isolation": ("isolation.broken", "isolation.proven")}
    entry = entries.fact(action[subject][holds], actor=None, workspace_id=workspace_id, detail=detail)
    services.record(entry if holds else {**entry, "outcome": Outcome.ERROR})
