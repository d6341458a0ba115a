"""How are secrets written so that nobody else reads them and nobody reads half of them?"""

import json
import os
import secrets
from pathlib import Path

from aiaxis.postgres.places import Account


def write_private(path: Path, text: str, account: Account | None = None) -> None:
    """Write `text` to `path` with mode 0600, replacing what was there in one step; `account` becomes its owner."""
    fresh = _fresh(path, text)
    if account:
        os.chown(fresh, account.uid, account.gid)
    fresh.replace(path)


def create_private_once(path: Path, text: str) -> None:
    """Like `write_private`, but leave a file that is there alone: of several racing processes one wins, for all."""
    fresh = _fresh(path, text)
    try:
        os.link(fresh, path)
    except FileExistsError:
        # Somebody else was first; his file is whole, because it appeared by a link as well.
        return
    finally:
        fresh.unlink()


def read_private(path: Path) -> dict[str, object] | None:
    """Read a JSON object from `path`, or None if there is no such file, or {} if it holds none.

    Takes it back from others, should they be able to read it.
    """
    try:
        with path.open(encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                # A copy or a restore may have lost the mode; the passwords inside must not stay open to others.
                os.fchmod(file.fileno(), 0o600)
            found = json.load(file)
    except FileNotFoundError:
        return None
    except ValueError:
        # Half a file, from a full disk or a broken restore: the caller says what to do about it.
        return {}
    return found if isinstance(found, dict) else {}


def _fresh(path: Path, text: str) -> Path:
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return fresh
