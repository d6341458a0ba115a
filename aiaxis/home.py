"""Where does this installation keep its own state, and the secrets that it made for itself?

Used when the environment does not say: a fresh clone runs without a single setting. In production the environment
gives every secret, and nothing is ever made up (`settings.py` refuses to start instead).
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path

SECRET_NAMES = ("SECRET_KEY", "FENCE_KEY", "JOB_KEY", "SEAL_KEY", "IDENTITY_KEY", "NOTIFY_KEY", "MODEL_KEY")
# A home that lacks one of these was made by an earlier version, so nothing is under it yet and it can still be made.
LATER_NAMES = ("SEAL_KEY", "IDENTITY_KEY", "NOTIFY_KEY", "MODEL_KEY")


class HomeError(RuntimeError):
    """The home folder cannot be used; the message says why and what to do, in one sentence."""


def ensure(home: Path) -> Path:
    """Make the home folder (0700) unless it exists; raise HomeError if it cannot be written."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise HomeError(
            f"AIAXIS_HOME: {home} cannot be made ({error.strerror}). Set it to a folder you may write."
        ) from error
    if not os.access(home, os.W_OK | os.X_OK):
        raise HomeError(f"AIAXIS_HOME: {home} is not writable. Set it to a folder you may write.")
    return home


def own_secrets(home: Path) -> dict[str, str]:
    """Return this installation's secrets, making them (0600, once, whole or not at all) at the first start."""
    path = ensure(home) / "secrets.json"
    try:
        found = _read(path)
    except FileNotFoundError:
        # Unlike a rename, a link never replaces what a racing process made first.
        _write(home, {}, lambda draft: os.link(draft, path))
        found = _read(path)
    if found.keys() != set(SECRET_NAMES):
        _add_later_names(home, path)
        found = _read(path)
    return found


def _add_later_names(home: Path, path: Path) -> None:
    """Give a home of an earlier version the secrets that are new; one process at a time, so that all use the same."""
    with (home / ".secrets.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = _read(path)
        if found.keys() != set(SECRET_NAMES):
            _write(home, found, lambda draft: draft.replace(path))


def _write(home: Path, known: dict[str, str], put: Callable[[Path], object]) -> None:
    made = {name: known.get(name) or secrets.token_urlsafe(48) for name in SECRET_NAMES}
    draft = home / f".secrets-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(made, file)
            file.flush()
            os.fsync(file.fileno())
        put(draft)
    except FileExistsError:
        pass  # Another process made them first, and everybody uses those.
    except OSError as error:
        raise HomeError(f"AIAXIS_HOME: {home} cannot be written ({error.strerror}).") from error
    finally:
        draft.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise HomeError(
            f"{path} is damaged. Restore it: without its FENCE_KEY the database refuses every query."
        ) from error
    missing = [name for name in SECRET_NAMES if name not in found and name not in LATER_NAMES]
    if missing:
        raise HomeError(f"{path} lacks {', '.join(missing)}. Restore it from a backup.")
    return {name: str(found[name]) for name in SECRET_NAMES if name in found}
