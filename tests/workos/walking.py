"""How does a browser go away to WorkOS and come back, and what is heard of it here?"""

from __future__ import annotations

import re
import ssl
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from django.conf import settings
from django.db import connections
from django.test import Client

from accounts import cookies
from accounts.http import Refusal
from accounts.identity.store.models import VendorSession
from accounts.signals import access_denied

CALLBACK = "/sign-in/sso/callback/"
# Made once: reading every authority that this machine trusts takes longer than the whole walk.
TRUST: Final = ssl.create_default_context()


class Refusals:
    """What the trail would hear while the block runs."""

    def __init__(self) -> None:
        self.heard: list[Refusal] = []

    def __enter__(self) -> list[Refusal]:
        access_denied.connect(self._hear)
        return self.heard

    def __exit__(self, *error: object) -> None:
        access_denied.disconnect(self._hear)

    def _hear(self, *, refusal: Refusal, **facts: Any) -> None:
        self.heard.append(refusal)


def leave(client: Client, **form: str) -> str:
    """Begin a sign-in; returns the address that the page leads to."""
    return led_to(client.post("/sign-in/sso/", form))


def led_to(page: Any) -> str:
    """The address to which a page goes on by itself."""
    assert page.status_code == 200
    found = re.search(r'<meta http-equiv="refresh" content="0; url=([^"]+)">', page.content.decode())
    assert found is not None
    return found[1].replace("&amp;", "&")


def go(url: str) -> dict[str, str]:
    """Walk through WorkOS as a browser would; returns what it sends back with."""
    answer = httpx.get(url, verify=TRUST)
    assert answer.status_code == 302, answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def come_back(client: Client, brought: dict[str, str]) -> Any:
    return client.get(f"{CALLBACK}?{urlencode(brought)}")


def is_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def refused(client: Client, response: Any, heard: list[Refusal], check: str) -> None:
    """Refused with a page that helps, told to the trail with its reason, and no session anywhere."""
    assert response.status_code == 401
    assert b"You are not signed in" in response.content
    assert b'href="/sign-in/"' in response.content
    assert [(one.action, one.detail.get("check")) for one in heard] == [("sign_in.failed", check)]
    assert settings.SESSION_COOKIE_NAME not in response.cookies
    assert not VendorSession.objects.filter(revoked_at__isnull=True).exists()
    assert response.cookies[cookies.SSO].value == ""


def counted(rows: str) -> int:
    """How many of these rows there are, in every workspace."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {rows}")
        return int(cursor.fetchone()[0])
