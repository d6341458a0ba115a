"""What can operators do about looking at a workspace's content: ask, approve, decline, close, and look?

Each is one call of the database's function under sealed claims, which keeps the rules by itself, and a signal inside the same
transaction: where the audit takes no entry, nothing was done and no page is shown. Owners are written to by jobs of the same
transaction, when a visit opens and when it ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from django.db import connections, transaction

from accounts import letters
from accounts.glass.models import Visit
from accounts.jobs import enqueue
from accounts.operators import Operator
from accounts.signals import glass_asked, glass_closed, glass_declined, glass_opened, glass_seen
from accounts.tenancy import claims
from accounts.tenancy.context import workspace
from accounts.tenancy.models import new_id

PURPOSE: Final = "operator.glass"
_ACT: Final = "SELECT fence.glass_act(%s)"


class CameTooLate(Exception):
    """The act changed nothing: somebody else was faster, its time is over, or it is not this operator's to do."""


class OneAtATime(Exception):
    """This operator has a visit already, open or waiting."""


class NobodyToTell(Exception):
    """No owner of the workspace could be told, and nobody looks unseen: the operator may have suspended the only one a moment ago."""


class NotOpen(Exception):
    """No such visit is open in this operator's session, so nothing is shown by it."""


def ask(operator: Operator, *, place: UUID, reason: str, ticket: str, minutes: int) -> Visit:
    """Ask to look at a workspace. Opens at once where there is no second operator.

    Raises ``OneAtATime``, ``NobodyToTell``, ``Unavailable``.
    """
    with transaction.atomic():
        values = {"workspace": str(place), "reason": reason, "ticket": ticket, "minutes": str(minutes)}
        found = _act("ask", operator, visit=new_id(), **values)
        if found is None:
            raise OneAtATime
        visit, owners = found
        if not owners:
            raise NobodyToTell
        glass_asked.send(sender=Visit, operator=operator, visit=visit)
        if visit.opened_at:
            _opened(operator, visit, owners)
        return visit


def approve(operator: Operator, *, visit_id: UUID) -> Visit:
    """Open what another operator asked for. Raises ``CameTooLate``, also for one's own request; ``NobodyToTell``, ``Unavailable``."""
    with transaction.atomic():
        visit, owners = _changed("approve", operator, visit_id)
        if not owners:
            raise NobodyToTell
        _opened(operator, visit, owners)
        return visit


def decline(operator: Operator, *, visit_id: UUID) -> Visit:
    """Refuse what another operator asked for. Raises ``CameTooLate``, ``Unavailable``."""
    with transaction.atomic():
        visit, _ = _changed("decline", operator, visit_id)
        glass_declined.send(sender=Visit, operator=operator, visit=visit)
        return visit


def close(operator: Operator, *, visit_id: UUID) -> Visit:
    """End an open visit, one's own or another's, or take one's own request back. Raises ``CameTooLate``, ``Unavailable``."""
    with transaction.atomic():
        visit, owners = _changed("close", operator, visit_id)
        _closed(operator, visit, owners)
        return visit


def see(operator: Operator, *, visit_id: UUID, page: str, target: tuple[str, str]) -> Visit:
    """Count and record a page that is about to be shown. Raises ``NotOpen``, ``Unavailable``: then it must not be shown."""
    with transaction.atomic():
        found = _act("see", operator, visit=visit_id)
        if found is None:
            raise NotOpen
        visit, _ = found
        glass_seen.send(sender=Visit, operator=operator, visit=visit, page=page, target=target)
        return visit


def settle() -> int:
    """Write down what time, or the end of a session, has closed already; returns how many visits there were."""
    count = 0
    while _settle_one():
        count += 1
    return count


def _settle_one() -> bool:
    with transaction.atomic():
        found = _act("settle", None)
        if found is None:
            return False
        _closed(None, *found)
        return True


def _opened(operator: Operator, visit: Visit, owners: Iterable[UUID]) -> None:
    glass_opened.send(sender=Visit, operator=operator, visit=visit)
    _write_to(owners, visit)


def _closed(operator: Operator | None, visit: Visit, owners: Iterable[UUID]) -> None:
    glass_closed.send(sender=Visit, operator=operator, visit=visit)
    if visit.opened_at:
        _write_to(owners, visit)


def _write_to(owners: Iterable[UUID], visit: Visit) -> None:
    """A letter to each owner, as jobs of the longest-standing one: a transaction belongs to one member."""
    everyone = list(owners)
    if not everyone:
        return
    handler = letters.glass_closed if visit.closed_at else letters.glass_opened
    with workspace(visit.workspace_id, everyone[0]):
        for owner in everyone:
            enqueue(handler, visit_id=str(visit.pk), member_id=str(owner))


def _changed(act: str, operator: Operator, visit_id: UUID) -> tuple[Visit, list[UUID]]:
    found = _act(act, operator, visit=visit_id)
    if found is None:
        raise CameTooLate
    return found


def _act(
    act: str, operator: Operator | None, *, visit: UUID | None = None, **values: str
) -> tuple[Visit, list[UUID]] | None:
    """Have the database do it; the visit as it is then and its workspace's owners, or None where nothing changed."""
    session = str(operator.session_id) if operator else None
    sealed = claims.sealed(PURPOSE, act=act, session=session, visit=str(visit) if visit else None, **values)
    with connections["default"].cursor() as cursor:
        cursor.execute(_ACT, [sealed])
        (answer,) = cursor.fetchone()
    if answer is None:
        return None
    told: dict[str, Any] = json.loads(answer)
    return _read(told["visit"]), [UUID(owner) for owner in told["owners"]]


def _read(row: dict[str, Any]) -> Visit:
    fields = Visit._meta.concrete_fields
    return Visit(**{field.attname: field.to_python(row[field.attname]) for field in fields})
