"""Where does this installation keep its own state, and the secrets that it made for itself?

Used when the environment does not say: a fresh clone runs without a single setting. In production the environment
gives every secret, and nothing is ever made up (`settings.py` refuses to start instead).
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

SECRET_NAMES = ("SECRET_KEY", "FENCE_KEY", "JOB_KEY", "SEAL_KEY", "NOTIFY_KEY")


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
        return _read(path)
    except FileNotFoundError:
        pass
    made = {name: secrets.token_urlsafe(48) for name in SECRET_NAMES}
    draft = home / f".secrets-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(made, file)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # Unlike a rename, this never replaces what a racing process made first.
        except FileExistsError:
            pass
    except OSError as error:
        raise HomeError(f"AIAXIS_HOME: {home} cannot be written ({error.strerror}).") from error
    finally:
        draft.unlink(missing_ok=True)
    return _read(path)


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise HomeError(
            f"{path} is damaged. Restore it: without its FENCE_KEY the database refuses every query."
        ) from error
    missing = [name for name in SECRET_NAMES if name not in found]
    if missing:
        raise HomeError(f"{path} lacks {', '.join(missing)}. Restore it from a backup.")
    return {name: str(found[name]) for name in SECRET_NAMES}
