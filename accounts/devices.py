"""Has this browser signed in to this account before, or set its password by a mailed link?

The cookie proves only that. It opens nothing: it moves the browser's guesses to a counter of its own, so that somebody
else's flood of guesses cannot keep the account's owner out (OWASP, "Slow down online guessing with device cookies").
"""

from __future__ import annotations

import secrets

from django.core import signing
from django.http import HttpRequest, HttpResponse

COOKIE = "__Host-aiaxis-device"
_SALT = "accounts.devices"
_MAX_AGE = 180 * 24 * 3600  # seconds
_MOST = 5  # accounts that one browser is remembered for


def known(request: HttpRequest, account: str) -> str | None:
    """The id of this device if it signed in to ``account`` (its keyed hash) before; None for any other browser."""
    return _devices(request).get(account[:32])


def remember(request: HttpRequest, response: HttpResponse, account: str) -> None:
    """Let the browser show next time that it signed in to ``account``."""
    devices = _devices(request)
    devices.pop(account[:32], None)
    devices[account[:32]] = secrets.token_urlsafe(16)
    newest = dict(list(devices.items())[-_MOST:])
    response.set_cookie(
        COOKIE,
        signing.dumps(newest, salt=_SALT, compress=True),
        max_age=_MAX_AGE,
        path="/",
        secure=True,
        httponly=True,
        samesite="Lax",
    )


def _devices(request: HttpRequest) -> dict[str, str]:
    try:
        value = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=_MAX_AGE)
    except signing.BadSignature:
        # Forged, or older than we remember: an unknown device, which is nothing to refuse.
        return {}
    return value if isinstance(value, dict) else {}
