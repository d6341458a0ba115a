"""The place where files are kept goes away for a while, and comes back with everything that it kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from files import storage
from tests.files.bucket import Server


@contextmanager
def store_away(server: Server) -> Iterator[None]:
    """Nobody listens where the object store was."""
    with server.away():
        look_anew()
        yield
    look_anew()


@contextmanager
def folder_away(home: Path) -> Iterator[None]:
    """Another thing stands where the folder of files was, as when a disk is not mounted."""
    folder, aside = home / "storage", home / "aside"
    folder.rename(aside)
    folder.write_text("no folder")
    look_anew()
    try:
        yield
    finally:
        folder.unlink()
        aside.rename(folder)
        look_anew()


def look_anew() -> None:
    """Forget what was seen a moment ago."""
    storage._seen.place = None
