"""Which keys for model vendors lie under an older master key, and how do they come under the newest?"""

from __future__ import annotations

from django.db import connections

from accounts.sealed import Rotated
from agents.vendors import vault


def rotate() -> Rotated:
    """Encrypt every workspace's keys that lie under an older one anew. May be interrupted, and done again.

    As the owner of the tables, from a terminal: no request and no job reads across workspaces.
    """
    rotated = Rotated("Keys for model vendors", "MODEL_KEY")
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT workspace_id, id, kind, base_url, sealed FROM agents_modelprovider")
        for workspace, provider, kind, base_url, stored in cursor.fetchall():
            if not vault.is_outdated(stored, workspace=workspace):
                rotated.kept += 1
                continue
            try:
                key = vault.opened(stored, workspace=workspace, provider=provider, kind=kind, base_url=base_url)
            except vault.Unopened:
                rotated.closed += 1
                continue
            renewed = vault.sealed(key, workspace=workspace, provider=provider, kind=kind, base_url=base_url)
            # Only where nobody entered another in between.
            statement = "UPDATE agents_modelprovider SET sealed = %s WHERE id = %s AND sealed = %s"
            cursor.execute(statement, [renewed, provider, stored])
            rotated.renewed += cursor.rowcount
    return rotated
