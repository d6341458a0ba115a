"""Can an entry that no program of ours writes blind those who read the trail, or silence who is told of it?

Injected SQL may add entries to the trail of its own workspace, in its own name.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connections, transaction

from accounts.tenancy.models import new_id
from tests import cast, doors
from tests.audit.notices import desk
from tests.receivers import receiver

INSERT = (
    "INSERT INTO audit_entry (id, retention, occurred_at, received_at, action, vocabulary, outcome, reason, severity, workspace_id, "
    "actor_type, actor_id, actor_name, actor, target_type, target_id, http, net, trace, refused_by, detail, fingerprint) "
    "VALUES (%(id)s, 'd365', %(occurred_at)s, %(received_at)s, 'request.spoofed', 'x', %(outcome)s, 'reserved_name', %(severity)s, "
    "%(workspace)s, %(actor_type)s, %(member)s, 'Bob', %(actor)s, '', '', %(http)s, %(net)s, %(trace)s, '', %(detail)s, %(fingerprint)s)"
)
OURS: dict[str, str] = {
    "occurred_at": "now",
    "received_at": "now",
    "outcome": "denied",
    "severity": "critical",
    "actor_type": "member",
    "actor": "{}",
    "http": "{}",
    "net": "{}",
    "trace": "{}",
    "detail": "{}",
    "fingerprint": "0123456789abcdef",
}


def injected(**changed: str) -> None:
    """What Bob's own SQL adds to the trail."""
    tenant = cast.BOB.tenant
    values: dict[str, Any] = {
        **OURS,
        **changed,
        "id": new_id(),
        "workspace": tenant.workspace_id,
        "member": tenant.membership_id,
    }
    with cast.acting(cast.BOB), transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute(INSERT, values)


def test_what_looks_like_one_of_ours_comes_in() -> None:
    """Or what follows would be refused for another reason."""
    injected()
    injected(
        detail='{"burst": 20, "archive": "x"}',
        http='{"headers": {"host": "x"}, "body": {"length": 999999999999999999}}',
    )


@pytest.mark.parametrize(
    "odd",
    [
        {"severity": "loud"},
        {"outcome": "splendid"},
        {"actor_type": "ghost"},
        {"fingerprint": ""},
        {"fingerprint": "../../etc/passwd"},
        {"occurred_at": "infinity"},
        {"occurred_at": "0044-03-15 BC"},
        {"received_at": "-infinity"},
        {"detail": "[]"},
        {"detail": "null"},
        {"http": '"GET"'},
        {"http": '{"headers": ["host"]}'},
        {"detail": '{"burst": 1e30, "archive": "x"}'},
        {"detail": '{"burst": -1000, "archive": "x"}'},
        {"detail": '{"size": 1e5000}'},
        {"trace": '{"traceparent": [{"size": -1e5000}]}'},
        {"net": '{"peer": ' + "[" * 900 + "]" * 900 + "}"},
    ],
    ids=lambda odd: "-".join(odd),
)
def test_an_entry_that_nobody_here_writes_does_not_come_in_and_everybody_goes_on_to_see(odd: dict[str, str]) -> None:
    with pytest.raises(IntegrityError, match="audit_entry_in_form"):
        injected(**odd)
    with receiver() as hook:
        desk.operators_channel(hook.url)
        desk.store(desk.spoofed(7))
        desk.decide_and_send()
        assert desk.types(hook) == ["alarm.raised"]
    assert doors.operator(cast.OLGA).get("/operator/audit/review/").status_code == 200
    assert doors.browser(cast.ALICE).get("/trail/").status_code == 200
