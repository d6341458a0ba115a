"""How is WorkOS asked, how long may it take, and what do its answers mean when they are no?

One shared client, made when the first question is asked, in the process that asks it. Its limits are short, because a request
waits: the SDK's own (a minute, four tries) would hold every server thread. Nothing of a request or an answer is ever logged or
chained to an exception: the server key travels in each authentication, tokens in each reply.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from django.conf import settings
from workos import (
    AuthenticationError,
    AuthorizationError,
    BadRequestError,
    ConflictError,
    NotFoundError,
    RateLimitExceededError,
    RequestOptions,
    UnprocessableEntityError,
    WorkOSClient,
)
from workos._errors import (  # the package exports no other way to these
    AuthenticationFlowError,
    EmailVerificationRequiredError,
    MfaChallengeError,
    MfaEnrollmentError,
    OrganizationAuthMethodsRequiredError,
    OrganizationSelectionRequiredError,
    SsoRequiredError,
)

from accounts.identity.base import (
    BadCredentials,
    EmailUnverified,
    IdentityRefusal,
    MfaRequired,
    OrganizationChoice,
    SsoRequired,
    Unavailable,
)
from accounts.identity.workos.verification import Verifier
from accounts.requests import current_origin

SYSTEM: Final = "WorkOS"
TIMEOUT: Final = 5  # seconds
# A code, a password and a refresh token are used once: a second try would only be told that the first one was.
ONCE: Final[RequestOptions] = {"max_retries": 0}
# After a silence, how long requests that wait for an answer are not even asked. Each would hold a thread for the time-out.
PAUSE_SECONDS: Final = 2.0

logger = logging.getLogger(__name__)

_NO: Final = (
    BadRequestError,
    AuthenticationError,
    AuthorizationError,
    NotFoundError,
    ConflictError,
    UnprocessableEntityError,
)
# Words by which WorkOS says that it does not know *us*: a wrong setting, and no fault of the person's.
_NOT_US: Final = frozenset({"invalid_client", "unauthorized", "unauthorized_client"})
_OVER: Final = frozenset({"invalid_grant", "organization_membership_not_found"})


@dataclass
class Connection:
    """The client of one configuration, in one process, and what verifies the tokens that it brings."""

    client: WorkOSClient
    verifier: Verifier
    silent_until: float = field(default=0.0)

    @contextmanager
    def on_the_way(self) -> Iterator[WorkOSClient]:
        """Ask while a request waits: translated as by ``translated``, and not at all right after a silence."""
        if time.monotonic() < self.silent_until:
            raise Unavailable(SYSTEM)
        try:
            with translated():
                yield self.client
        except Unavailable:
            self.silent_until = time.monotonic() + PAUSE_SECONDS
            raise


class _Client(WorkOSClient):
    """The SDK's client, whose every call says by which trace it can be followed."""

    def _build_headers(self, *args: Any, **kwargs: Any) -> dict[str, str]:
        # The SDK takes headers of ours with each call only, and a call that forgot them would not be noticed.
        return {**super()._build_headers(*args, **kwargs), **current_origin().headers()}


_connections: Final[dict[tuple[str, ...], Connection]] = {}
_lock: Final = threading.Lock()


def current() -> Connection:
    """The connection of the configuration that is in force. Raises ``Unavailable`` where there is none."""
    if not (settings.WORKOS_API_KEY and settings.WORKOS_CLIENT_ID and settings.WORKOS_ISSUER):
        raise Unavailable(SYSTEM)
    # A fork's copy of the parent's sockets would answer both, so each process has its own.
    key = (
        settings.WORKOS_API_KEY,
        settings.WORKOS_CLIENT_ID,
        settings.WORKOS_ISSUER,
        settings.WORKOS_BASE_URL,
        str(os.getpid()),
    )
    with _lock:
        if key not in _connections:
            _connections[key] = _made(*key[:4])
        return _connections[key]


def forget() -> None:
    """Close every connection of this process; the next question makes a new one."""
    with _lock:
        for one in _connections.values():
            one.client.close()
        _connections.clear()


def _made(api_key: str, client_id: str, issuer: str, base_url: str) -> Connection:
    client = _Client(
        api_key=api_key,
        client_id=client_id,
        base_url=base_url,
        request_timeout=TIMEOUT,
        jwt_leeway=5,
        jwt_issuer=issuer,
        max_retries=1,
    )
    verifier = Verifier(jwks_url=client.user_management.get_jwks_url(), issuer=issuer, client_id=client_id)
    return Connection(client, verifier)


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever WorkOS, or the way to it, raises into a named refusal of ours."""
    try:
        yield
    except IdentityRefusal:
        raise
    except AuthenticationFlowError as error:
        raise _follow_up(error) from None
    except RateLimitExceededError as error:
        raise Unavailable(SYSTEM, retry_after=min(60, int(error.retry_after or 5))) from None
    except _NO as error:
        if {error.code, error.error} & _NOT_US:
            logger.error("WorkOS does not accept WORKOS_API_KEY or WORKOS_CLIENT_ID.")
            raise Unavailable(SYSTEM) from None
        raise BadCredentials from None
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not a yes
        # A time-out, a broken line, a server error, or an answer that is not what it should be (the SDK lets KeyError and
        # TypeError out of those as well). None of them is a yes, and none of them signs anybody out.
        logger.warning("WorkOS gave no answer that could be used (%s).", type(error).__name__)
        raise Unavailable(SYSTEM) from None


def says_over(error: BaseException) -> bool:
    """Does WorkOS say that a session is over: its refresh token used up or withdrawn, its place lost, or a new proof needed?"""
    if isinstance(error, AuthenticationFlowError):
        return True
    said = {getattr(error, "error", None), getattr(error, "code", None)}
    return isinstance(error, BadRequestError) and bool(said & _OVER)


def is_missing(error: BaseException) -> bool:
    """Does WorkOS say that it has no such thing (any more)?"""
    return isinstance(error, NotFoundError)


def _follow_up(error: AuthenticationFlowError) -> IdentityRefusal:
    said = error.response_json or {}
    user = said.get("user") or {}
    subject = str(user.get("id", ""))
    email = str(user.get("email", "") or said.get("email", ""))
    pending = str(error.pending_authentication_token or "")
    match error:
        case EmailVerificationRequiredError():
            return EmailUnverified(pending=pending, subject=subject, email=email)
        case MfaChallengeError():
            factors = tuple(str(one["id"]) for one in error.authentication_factors or () if "id" in one)
            # Without one it would read as "none yet", and let whoever has the password set up theirs.
            return (
                MfaRequired(pending=pending, subject=subject, email=email, factors=factors)
                if factors
                else Unavailable(SYSTEM)
            )
        case MfaEnrollmentError():
            return MfaRequired(pending=pending, subject=subject, email=email)
        case OrganizationSelectionRequiredError():
            found = tuple(str(one["id"]) for one in error.organizations or () if "id" in one)
            return OrganizationChoice(pending=pending, subject=subject, email=email, organizations=found)
        case SsoRequiredError() | OrganizationAuthMethodsRequiredError():
            return SsoRequired(pending=pending, subject=subject, email=email)
        case _:
            # Passkey enrolment, radar challenges and their like: this product has no page for them.
            return BadCredentials()
