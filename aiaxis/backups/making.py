"""In which order is an installation copied while people work on it, so that what is brought back fits together?

1. The signed checkpoints of the trail: notes that are older than the trail show nothing wrong, newer ones a tail that was cut off.
2. The platform's database, then the identity store's: of a person who comes between the two, the second holds half, which lets
   nobody in.
3. The archives of the trail: what leaves it before the database is copied is in them by then, and what leaves it afterwards is in
   both, which is no harm. The other way round it would be in neither.
4. The bytes of files: what is uploaded meanwhile is in neither, and what is deleted meanwhile is missing beside its row.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import connections

from aiaxis.backups import notes, programs
from audit import entries, services
from files import storage

SEALS: Final = ("seals",)
ARCHIVES: Final = ("archive", "spool/archive")
FOLDERS: Final = (*SEALS, *ARCHIVES)


class Refused(Exception):
    """It was not done; the text says why and what to do."""


def make(folder: Path, *, with_secrets: bool = False) -> notes.Note:
    """Copy everything into a new folder that only this user can read; return what stands beside it.

    Raises ``Refused``, ``programs.ProgramFailed``, ``OSError``, ``django.db.Error``, ``audit.services.Unrecorded``.
    """
    _new(folder)
    # A copy of everybody's data leaves the fence: not unseen.
    services.record_or_refuse(entries.fact("backup.made", actor=None, detail={"with_secrets": with_secrets}))
    home = Path(settings.AIAXIS_HOME)
    _folders(folder, SEALS)
    sealed, made_at = notes.sealed(), datetime.now(UTC).isoformat(timespec="seconds")
    for name in programs.ALIASES:
        programs.dump(name, folder / f"{name}.dump")
    _folders(folder, ARCHIVES)
    files = _files(folder) if storage.is_on_disk() else 0
    if with_secrets and (home / "secrets.json").is_file():
        shutil.copy2(home / "secrets.json", folder / "secrets.json")
    note = notes.Note(
        made_at=made_at,
        server_version=_version(),
        keys=notes.fingerprints(),
        sealed=sealed,
        migrations=notes.applied(),
        files=files,
        has_files=storage.is_on_disk(),
    )
    notes.write(folder, note)
    notes.remember(made_at)
    return note


def _new(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise Refused(
            f"{folder} is there already. Name a folder that is not: a copy is never mixed with another."
        ) from None


def _folders(folder: Path, names: Iterable[str]) -> None:
    home = Path(settings.AIAXIS_HOME)
    for name in names:
        if (home / name).is_dir():
            shutil.copytree(home / name, folder / name, copy_function=_copied)


def _files(folder: Path) -> int:
    home = Path(settings.AIAXIS_HOME) / "storage"
    if home.is_dir():
        shutil.copytree(
            home, folder / "storage", copy_function=_copied, ignore=shutil.ignore_patterns(storage.INCOMING)
        )
    return sum(len(names) for _, _, names in os.walk(folder / "storage"))


def _copied(source: str, target: str) -> str:
    """Copy one file; one that was deleted since the folder was read is gone, and its row is soon gone as well."""
    try:
        return str(shutil.copy2(source, target))
    except FileNotFoundError:
        return target


def _version() -> str:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SHOW server_version")
        return str(cursor.fetchone()[0])
