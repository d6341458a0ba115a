"""Which keys for model vendors and servers of tools lie under an older master key, and how do they come under the newest?"""

from __future__ import annotations

from typing import Final

from django.db import connections

from accounts.sealed import Rotated
from agents.vendors import vault

# What reads workspace, row, kind, address and key, and what writes the key that is sealed anew.
SEALED: Final = (
    (
        "SELECT workspace_id, id, kind, base_url, sealed FROM agents_modelprovider",
        "UPDATE agents_modelprovider SET sealed = %s WHERE id = %s AND sealed = %s",
    ),
    (
        "SELECT workspace_id, id, 'tools', url, sealed FROM agents_toolserver",
        "UPDATE agents_toolserver SET sealed = %s WHERE id = %s AND sealed = %s",
    ),
)


def rotate() -> Rotated:
    """Encrypt every workspace's keys that lie under an older one anew. May be interrupted, and done again.

    As the owner of the tables, from a terminal: no request and no job reads across workspaces.
    """
    rotated = Rotated("Keys for model vendors and servers of tools", "MODEL_KEY")
    for select, update in SEALED:
        _renew(rotated, select, update)
    return rotated


def _renew(rotated: Rotated, select: str, update: str) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(select)
        for workspace, row, kind, base_url, stored in cursor.fetchall():
            if not vault.is_outdated(stored, workspace=workspace):
                rotated.kept += 1
                continue
            try:
                key = vault.opened(stored, workspace=workspace, provider=row, kind=kind, base_url=base_url)
            except vault.Unopened:
                rotated.closed += 1
                continue
            renewed = vault.sealed(key, workspace=workspace, provider=row, kind=kind, base_url=base_url)
            # Only where nobody entered another in between.
            cursor.execute(update, [renewed, row, stored])
            rotated.renewed += cursor.rowcount
