"""Which channels' addresses and secrets lie under an older key, and how do they come under the newest?"""

from __future__ import annotations

from typing import Final

from django.db import connections

from accounts.sealed import Rotated
from audit.notices import vault

READ: Final = "SELECT id, sealed, 'audit_channel' FROM audit_channel UNION ALL SELECT id, sealed, 'audit_operatorchannel' FROM audit_operatorchannel"
WRITE: Final = {
    "audit_channel": "UPDATE audit_channel SET sealed = %s WHERE id = %s AND sealed = %s",
    "audit_operatorchannel": "UPDATE audit_operatorchannel SET sealed = %s WHERE id = %s AND sealed = %s",
}


def rotate() -> Rotated:
    """Encrypt every channel's address and secret that lie under an older key anew. May be interrupted, and done again.

    As the owner of the tables, from a terminal: no request and no job reads across workspaces.
    """
    rotated = Rotated("Addresses and secrets of notification channels", "NOTIFY_KEY")
    with connections["owner"].cursor() as cursor:
        cursor.execute(READ)
        for channel, stored, table in cursor.fetchall():
            if not stored or not vault.is_outdated(stored):
                rotated.kept += 1
                continue
            try:
                secrets = vault.opened(stored, channel)
            except vault.Unopened:
                rotated.closed += 1
                continue
            # Only where nobody wrote another in between.
            cursor.execute(WRITE[table], [vault.sealed(secrets, channel), channel, stored])
            rotated.renewed += cursor.rowcount
    return rotated
