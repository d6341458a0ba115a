"""Does the database accept our seal, and nothing else?"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from django.conf import settings
from django.db import DatabaseError, connections, transaction

from accounts.tenancy.context import Binding, Glass, seal, workspace
from accounts.tenancy.proof.findings import Finding
from accounts.tenancy.sql import CONTEXT_SETTING

_ASK = "SELECT fence.current_workspace(), fence.current_member()"


def findings(alias: str) -> Iterator[Finding]:
    """Ask with a good seal, with a forged one and with none, as the role that serves requests."""
    binding = Binding(uuid.uuid4(), uuid.uuid4())
    connection = connections[alias]
    try:
        with workspace(binding.workspace, binding.member or uuid.uuid4()), connection.cursor() as cursor:
            cursor.execute(_ASK)
            answer = cursor.fetchone()
    except DatabaseError:
        answer = None
    if answer != (binding.workspace, binding.member):
        yield Finding("FENCE_KEY", "is not the key that the database verifies with, so every request would be refused")
    good = seal(binding, settings.FENCE_KEY)
    stranger = seal(Binding(uuid.uuid4(), binding.member), settings.FENCE_KEY)
    forgeries = {
        "no context": "",
        "an unsealed context": f"{binding.workspace.hex}.{uuid.uuid4().hex}.",
        "a seal made with another key": seal(binding, b"x" * 32),
        "the seal of another workspace": stranger[:65] + good[65:],
        "the seal of a member on a whole workspace": f"{binding.workspace.hex}.*{good[65:]}",
        "an operator's visit that nobody asked for": seal(
            Binding(binding.workspace, None, Glass(uuid.uuid4(), uuid.uuid4())), settings.FENCE_KEY
        ),
    }
    for name, context in forgeries.items():
        if _is_accepted(alias, context):
            yield Finding("fence.current_workspace()", f"accepts {name}")


def _is_accepted(alias: str, context: str) -> bool:
    try:
        with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
            # Read-only, as a visit's context has to come: what refuses it must be that there is no such visit.
            cursor.execute("SET LOCAL transaction_read_only = on")
            cursor.execute("SELECT set_config(%s, %s, true)", [CONTEXT_SETTING, context])
            cursor.execute(_ASK)
            cursor.fetchone()
    except DatabaseError:
        return False
    return True
