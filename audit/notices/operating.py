"""How do operators choose where they hear of what happens, and of what?

What they ask for is sealed, and the database believes it of an operator only: injected SQL can call the functions and make
no such words. Every act is recorded before it is committed, and is not done if nobody can record it.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.db import connections, transaction

from accounts.operators import Operator
from accounts.tenancy import claims
from accounts.tenancy.models import new_id
from audit import entries, services
from audit.notices import addresses
from audit.notices.services import Added


def add_channel(*, operator: Operator, name: str, kind: str, address: str, least: str, heartbeat: bool) -> Added:
    """Add a channel. Raises ``addresses.Unfit``, and ``services.Unrecorded`` like everything here."""
    channel = new_id()
    place = addresses.place(kind, address, channel)
    words = {"name": name, "kind": kind, "shown": place.shown, "sealed": place.sealed, "least": least}
    with transaction.atomic():
        _ask("keep_operator_channel", "operator channel", operator, channel, "add", heartbeat=_word(heartbeat), **words)
        _record("channel.created", operator, channel, kind=kind, to=place.shown, least=least)
    return Added(channel, place.secret)


def change_channel(*, operator: Operator, channel: UUID, act: str) -> bool:
    """``pause``, ``resume`` or ``remove`` it; False if there was nothing to do."""
    with transaction.atomic():
        if not _ask("keep_operator_channel", "operator channel", operator, channel, act):
            return False
        _record("channel.removed" if act == "remove" else "channel.changed", operator, channel, act=act)
    return True


def test_channel(*, operator: Operator, channel: UUID) -> bool:
    """Send it a message now; False if there is no such channel."""
    with transaction.atomic():
        if not _ask("act_on_outbox", "outbox", operator, channel, "test"):
            return False
        _record("channel.tested", operator, channel)
    return True


def retry(*, operator: Operator, message: UUID) -> bool:
    """Send a message again that was given up; False if there is none."""
    with transaction.atomic():
        if not _ask("act_on_outbox", "outbox", operator, message, "retry"):
            return False
        _record("notice.retried", operator, message)
    return True


def keep_rule(*, operator: Operator, rule: UUID | None, values: dict[str, Any]) -> UUID:
    """Change a rule, or add one; returns its id. ``values`` are its columns."""
    wanted = rule or new_id()
    with transaction.atomic():
        _ask("keep_rule", "notification rule", operator, wanted, "keep", rule=json.dumps(values))
        shown = {name: value for name, value in values.items() if value not in ("", [])}
        _record("notice_rule.changed", operator, wanted, is_new=rule is None, **shown)
    return wanted


def remove_rule(*, operator: Operator, rule: UUID) -> bool:
    """Take a rule away; False if there is none."""
    with transaction.atomic():
        if not _ask("keep_rule", "notification rule", operator, rule, "remove"):
            return False
        _record("notice_rule.removed", operator, rule)
    return True


def _ask(function: str, purpose: str, operator: Operator, wanted: UUID, act: str, **words: str) -> bool:
    sealed = claims.sealed(purpose, operator=str(operator.user_id), id=str(wanted), act=act, **words)
    with connections["default"].cursor() as cursor:
        cursor.execute(f"SELECT fence.{function}(%s)", [sealed])
        return bool(cursor.fetchone() == (True,))


def _record(action: str, operator: Operator, target: UUID, **detail: object) -> None:
    shown = {"target": str(target), **detail}
    services.record_or_refuse(
        entries.operator_act(action, operator_id=operator.user_id, name=operator.display_name, detail=shown)
    )


def _word(value: bool) -> str:
    return "yes" if value else "no"
