"""As whom do the members of another workspace come in? As names, behind which nobody can sign in.

An address in an export proves nothing about who is behind it, so nobody is matched by it (L32): each gets a person of their own,
without an account, suspended. A member who was removed there stays so. Whoever is invited later is somebody new.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from django.db import connection

from accounts.tenancy.models import new_id
from aiaxis.imports import lines
from aiaxis.imports.checking import MEMBERS
from aiaxis.imports.keys import Keys
from aiaxis.imports.package import Package

MARK: Final = " (imported)"
LONGEST: Final = 120
BATCH: Final = 500


def bring_in(package: Package, keys: Keys, *, importer: UUID) -> int:
    """Write them, in the caller's transaction; returns how many, without whoever the export was made for."""
    people = list(_people(package, keys, importer))
    with connection.cursor() as cursor:
        for first in range(0, len(people), BATCH):
            part = json.dumps(people[first : first + BATCH])
            cursor.execute("SELECT fence.bring_in_people(%s, %s::jsonb)", [importer, part])
    return len(people)


def _people(package: Package, keys: Keys, importer: UUID) -> Iterator[dict[str, Any]]:
    for row in lines.rows(package, MEMBERS):
        key = keys.of(MEMBERS, row["id"])
        if key != importer:
            yield {
                "member": str(key),
                "user": str(new_id()),
                "name": row["display_name"][: LONGEST - len(MARK)] + MARK,
                "role": row["role"],
                "status": row["status"],
                "since": row["created_at"].isoformat(),
            }
