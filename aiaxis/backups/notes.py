"""What stands beside a copy, so that whoever brings it back knows what it is and which keys it needs?"""

from __future__ import annotations

import hmac
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

FILE: Final = "backup.json"
LAST: Final = "last-backup.json"
"""In the home: when this installation was last copied by its own command. A page tells people."""
FORM: Final = 1


@dataclass(frozen=True, slots=True)
class Note:
    """What a copy holds: no name and no content."""

    made_at: str
    server_version: str
    keys: dict[str, str]
    sealed: int
    migrations: list[str]
    files: int
    has_files: bool
    form: int = FORM


def fingerprints() -> dict[str, str]:
    """What each key is, without a way back to it: a copy says which keys open it. The keys themselves do not lie beside it."""
    keys = {"FENCE_KEY": settings.FENCE_KEY, "JOB_KEY": settings.JOB_KEY, "SEAL_KEY": settings.SEAL_KEY}
    keys |= {"IDENTITY_KEY": settings.IDENTITY_KEYS[0]}
    keys |= {name: getattr(settings, name).encode() for name in ("MODEL_KEY", "NOTIFY_KEY")}
    return {name: hmac.new(key, b"aiaxis.backup.1", sha256).hexdigest()[:16] for name, key in keys.items()}


def applied() -> list[str]:
    """The migrations of both databases."""
    found = [MigrationRecorder(connections[alias]).applied_migrations() for alias in ("owner", "identity")]
    return sorted({f"{app}.{name}" for one in found for app, name in one})


def sealed() -> int:
    """How many entries of the trail are sealed."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT coalesce(max(size), 0) FROM audit_seal")
        return int(cursor.fetchone()[0])


def write(folder: Path, note: Note) -> None:
    """Put the note beside the copy: last, so that a copy without it is known to be cut short."""
    (folder / FILE).write_text(json.dumps(asdict(note), indent=2), encoding="utf-8")


def read(folder: Path) -> Note | None:
    """The note beside a copy; None where there is none, or one of another form."""
    try:
        found: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
        note = Note(**found)
    except (OSError, ValueError, TypeError):
        return None
    return note if note.form == FORM else None


def remember(made_at: str) -> None:
    """Note in the home that this installation was copied."""
    (Path(settings.AIAXIS_HOME) / LAST).write_text(json.dumps({"made_at": made_at}), encoding="utf-8")


def last_made() -> datetime | None:
    """When this installation was last copied by its own command, from this machine; None where it never was."""
    try:
        return datetime.fromisoformat(json.loads((Path(settings.AIAXIS_HOME) / LAST).read_text())["made_at"])
    except (OSError, ValueError, KeyError):
        return None
