"""How does somebody get into the demo: which addresses, passwords and keys, and where are they written?

Passwords are random for each installation and stand in one file that only its user can read, `demo.json` in the home.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any, TypedDict

from django.conf import settings

# No letters or digits that look alike: these are typed from a screen.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class Person(TypedDict):
    """A member of one workspace."""

    email: str
    password: str
    workspace: str
    role: str


class Key(TypedDict):
    """An API key of one member."""

    workspace: str
    email: str
    key: str
    scopes: list[str]


class Operator(TypedDict):
    """Somebody who runs the platform."""

    email: str
    password: str
    totp_secret: str  # what an authenticator app needs, in base 32; `manage.py demo_code` stands in for one


class SignIns(TypedDict):
    """What `demo.json` holds."""

    url: str
    people: list[Person]
    api_keys: list[Key]
    operators: list[Operator]


def path() -> Path:
    """Return where the sign-ins are written."""
    return Path(settings.AIAXIS_HOME) / "demo.json"


def address() -> str:
    """Return the address that a browser on this machine uses."""
    return f"http://127.0.0.1:{settings.PORT}"


def new_password() -> str:
    """Make a password of 23 characters with 99 bits of chance, in groups that can be typed."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(5)) for _ in range(4))


def known() -> SignIns | None:
    """Return what the file says, or None when there is none that is whole."""
    try:
        found: Any = json.loads(path().read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return found if isinstance(found, dict) and set(found) == set(SignIns.__annotations__) else None  # type: ignore[return-value]  # its keys were just compared


def write(sign_ins: SignIns) -> None:
    """Write the file whole or not at all, readable by its user alone from its first byte on."""
    draft = path().with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(sign_ins, file, indent=2)
        file.write("\n")
    draft.replace(path())
