"""How do a browser's credentials travel?

Every cookie of ours carries the prefix ``__Host-``: the browser then takes it only with Secure, Path=/ and no Domain, so
that no neighbouring host can set or read it. Setting and deleting use the same attributes: a deletion with others would
delete nothing (incident L34).
"""

from __future__ import annotations

from django.conf import settings
from django.http import HttpResponseBase

CHOOSING = "__Host-aiaxis-choosing"
SECOND = "__Host-aiaxis-second"
OPERATOR = "__Host-aiaxis-operator"
# What an owner brought back from their company's sign-in, while they confirm that the workspace trusts it.
CONNECTING = "__Host-aiaxis-connecting"
# The link of an invitation, while its reader signs in; set by a form of the invitation's own page alone.
INVITATION = "__Host-aiaxis-invitation"
OPERATOR_SECOND = "__Host-aiaxis-operator-second"
SSO = "__Host-aiaxis-sso"
# What an outside identity provider wants besides a right password, encrypted.
FOLLOW_UP = "__Host-aiaxis-follow-up"


def session_name() -> str:
    """The name of the cookie that carries a session."""
    return str(settings.SESSION_COOKIE_NAME)


def give_session(response: HttpResponseBase, token: str) -> None:
    """Hand the browser its session. How long it opens anything is decided on the server."""
    give(response, session_name(), token, seconds=settings.SIGN_IN_SECONDS)


def take_session(response: HttpResponseBase) -> None:
    """Take the session's cookie away. What makes it useless happened on the server before."""
    take(response, session_name())


def give(response: HttpResponseBase, name: str, value: str, *, seconds: int) -> None:
    """Set a cookie that scripts cannot read, that only travels encrypted, and not with another site's requests."""
    response.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="Lax")


def take(response: HttpResponseBase, name: str) -> None:
    """Delete a cookie, with the attributes that it was set with."""
    give(response, name, "", seconds=0)
