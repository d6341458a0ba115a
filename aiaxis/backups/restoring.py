"""How is an installation brought back from a copy, and what may not be as it was?

Into empty databases and a home without files, never over something: what is there may be the only copy of it. Sessions that are
brought back end at once, since some were ended after the copy was made; keys that were withdrawn since are alive again, and only
people can say which.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections
from django.db.migrations.loader import MigrationLoader

from aiaxis.backups import comparing, notes, programs
from aiaxis.backups.making import FOLDERS, Refused
from audit import entries, sealing, services
from files import storage

_TABLES = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
# Of the platform's two kinds of sessions; the identity store's half alone lets nobody in.
_END_SESSIONS = (
    "UPDATE accounts_session SET revoked_at = now() WHERE revoked_at IS NULL",
    "UPDATE accounts_operatorsession SET revoked_at = now() WHERE revoked_at IS NULL",
)


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of it."""

    note: notes.Note
    sessions: int
    files: int
    missing: int | None
    """Files of which the copy has a row and no bytes; None where the place of files is away, so that nobody can say."""
    left: bool
    """Does the copy hold bytes of files that were left in it, because files lie in an object store here?"""
    newer_checkpoints: bool
    """Does the home hold checkpoints of a longer trail than the copy's? Then ``verify_audit`` says that its end is gone."""


def restore(folder: Path) -> Restored:
    """Bring everything back. Raises ``Refused``, ``programs.ProgramFailed``, ``OSError``, ``django.db.Error``."""
    note = _fitting(folder)
    home = Path(settings.AIAXIS_HOME)
    for name in programs.ALIASES:
        programs.restore(name, folder / f"{name}.dump")
    _bring_bytes(folder, home)
    ended = sum(_execute(statement) for statement in _END_SESSIONS)
    newer = _newest_outside() > note.sealed
    detail = {"made_at": note.made_at, "sealed": note.sealed, "sessions": ended, "newer_checkpoints": newer}
    services.record(entries.fact("backup.restored", actor=None, detail=detail))
    left = (folder / "storage").is_dir() and not storage.is_on_disk()
    return Restored(note, ended, note.files, _missing(), left, newer)


def _fitting(folder: Path) -> notes.Note:
    """The copy's note, if it can be brought back here."""
    note = notes.read(folder)
    if note is None:
        raise Refused(
            f"{folder} is no whole copy: {notes.FILE} is missing, or of another form. It may have been cut short."
        )
    here = notes.fingerprints()
    other = [name for name, mark in note.keys.items() if here.get(name) != mark]
    if other:
        raise Refused(
            f"This copy was made under another {', '.join(other)}. Give the keys of that time, and try again."
        )
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if newer := [name for name in note.migrations if name not in known]:
        raise Refused(f"This copy is of a newer AiAxis ({newer[0]} …). Install that version or a later one first.")
    for alias in programs.ALIASES.values():
        with connections[alias].cursor() as cursor:
            cursor.execute(_TABLES)
            if cursor.fetchone() != (0,):
                raise Refused("The databases are not empty. A copy is brought back into new ones, never over others.")
    if note.has_files and any((Path(settings.AIAXIS_HOME) / "storage").glob("*/*")):
        raise Refused("The home has files already. A copy is brought back into a new home, never over another.")
    return note


def _bring_bytes(folder: Path, home: Path) -> None:
    if (folder / "storage").is_dir() and storage.is_on_disk():
        storage.incoming()  # Makes the folders with the modes that they need.
        shutil.copytree(folder / "storage", home / "storage", dirs_exist_ok=True)
    for name in FOLDERS:
        # What stands in the home is younger than the copy, and says what the copy cannot know: it stays.
        if (folder / name).is_dir() and not (home / name).exists():
            shutil.copytree(folder / name, home / name)


def _missing() -> int | None:
    """How many files have no bytes where files lie here, which may be another place than where the copy was made."""
    try:
        return len(comparing.compare().missing)
    except storage.StorageUnavailable:
        return None


def _newest_outside() -> int:
    """Of how many entries the longest trail was for which a checkpoint lies in the home."""
    sizes = [note.splitlines()[1] for note in sealing.kept_outside() if len(note.splitlines()) > 1]
    return max((int(size) for size in sizes if size.isdigit()), default=0)


def _execute(statement: str) -> int:
    cursor: Any
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement)
        return int(cursor.rowcount)
