"""Does somebody hear at once when a secret that is kept opens no more, as when a row was written past us?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from django.db import connections

from accounts.http import Tenant
from accounts.sealed import Unopened
from agents.models import ModelProvider, ToolServer
from agents.tools import services as tools
from agents.vendors import services as vendors
from audit.shipper import Shipper
from tests import cast
from tests.audit.notices import desk
from tests.audit.notices.test_workspaces import hook_of
from tests.receivers import receiver

ELSEWHERE = "https://93.184.216.34/"


def provider(actor: Tenant, name: str) -> UUID:
    return vendors.add(
        vendors.Words(name, "openai", f"{ELSEWHERE}v1", key="k" * 20, models=["tern-small"]), actor=actor
    )


def server(actor: Tenant, name: str) -> UUID:
    added: UUID = tools.add(tools.Words(name=name, url=ELSEWHERE, key="k" * 20), actor=actor)
    return added


@pytest.mark.parametrize(
    ("add", "table", "ask"),
    [
        (provider, "agents_modelprovider", lambda: vendors.connection_to(ModelProvider.objects.get(name="One"))),
        (server, "agents_toolserver", lambda: tools.connection_to(ToolServer.objects.get(name="One"))),
    ],
)
def test_a_key_in_anothers_row_is_critical_for_operators_and_told_to_its_workspace(
    add: Callable[[Tenant, str], UUID],
    table: str,
    ask: Callable[[], object],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tools, "_offered", lambda url, key: [])
    with cast.acting(cast.ALICE) as alice:
        one, other = add(alice, "One"), add(alice, "Other")
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET sealed = o.sealed FROM {table} o WHERE {table}.id = %s AND o.id = %s", [one, other]
        )
    with receiver() as hook, receiver() as own, receiver() as neighbours:
        desk.operators_channel(hook.url, least="critical")
        hook_of(cast.ALICE, own.url, least="critical")
        hook_of(cast.CHARLIE, neighbours.url, least="critical")
        with cast.acting(cast.ALICE), pytest.raises(Unopened):
            ask()
        Shipper(folder).ship()
        desk.decide_and_send()
        assert [body["data"]["heading"] for body in (*desk.bodies(hook), *desk.bodies(own))] == [
            "Critical: A key that is kept does not open"
        ] * 2
        assert neighbours.received == []
