"""How many guesses may somebody make, and how is a limit held when a thousand come at once?

Three limits stand in front of the password's hash, all *reserved before* it is computed, because check-then-count let 16
parallel guesses pass a limit of five (measured):

1. per client address, over all accounts (django-ratelimit, counters in our cache);
2. per account and address, and per account over all addresses (django-axes' table in the identity database, counted in
   one statement; SQL injected into the platform's connection cannot reach it);
3. a browser that signed in to the account before, or set its password by a mailed link, carries a device cookie and is
   counted on its own, so that an attacker who uses up the account's attempts does not lock its owner out (OWASP, "Slow down
   online guessing with device cookies").

Nothing that was typed is stored: an account is a keyed hash of the normalised address.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_cool_off
from axes.signals import user_locked_out
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django_ratelimit.core import get_usage

from accounts import devices
from accounts.identity import asking
from accounts.identity.asking import STORE
from accounts.identity.base import Unavailable
from accounts.identity.spelling import email_key
from accounts.identity.store.models import IDENTITY_DATABASE
from accounts.requests import client_address

logger = logging.getLogger(__name__)

# Axes keys its rows by address; this one stands for "from anywhere".
_ANYWHERE = "255.255.255.255"

# Arrivals from somebody else's sign-in are no guesses, and a whole office comes from one address; each costs a question to WorkOS.
_ARRIVALS = "300/5m"

# One statement for both rows. A refused attempt does not prolong the wait: only those that reach the hash move the time.
# The account's row is only counted if the pair's had room: otherwise one address could use up everybody's attempts with
# guesses that never reach the hash. 255.255.255.255 stands for "from anywhere" (_ANYWHERE).
_RESERVE = """
WITH pair AS (
    INSERT INTO axes_accessattempt AS a (username, ip_address, user_agent, http_accept, path_info, get_data, post_data,
                                         attempt_time, failures_since_start)
    VALUES (%(account)s, %(address)s, '', '', %(path)s, '', '', now(), 1)
    ON CONFLICT (username, ip_address, user_agent) DO UPDATE SET
        failures_since_start = CASE WHEN a.attempt_time <= now() - %(cool_off)s THEN 1
                                    ELSE least(a.failures_since_start, %(pair_limit)s) + 1 END,
        attempt_time = CASE WHEN a.attempt_time > now() - %(cool_off)s AND a.failures_since_start >= %(pair_limit)s
                            THEN a.attempt_time ELSE now() END
    RETURNING failures_since_start > %(pair_limit)s AS is_full, attempt_time),
anywhere AS (
    INSERT INTO axes_accessattempt AS a (username, ip_address, user_agent, http_accept, path_info, get_data, post_data,
                                         attempt_time, failures_since_start)
    SELECT %(account)s, '255.255.255.255', '', '', %(path)s, '', '', now(), 1
      FROM pair WHERE NOT pair.is_full AND %(account_limit)s > 0
    ON CONFLICT (username, ip_address, user_agent) DO UPDATE SET
        failures_since_start = CASE WHEN a.attempt_time <= now() - %(cool_off)s THEN 1
                                    ELSE least(a.failures_since_start, %(account_limit)s) + 1 END,
        attempt_time = CASE WHEN a.attempt_time > now() - %(cool_off)s AND a.failures_since_start >= %(account_limit)s
                            THEN a.attempt_time ELSE now() END
    RETURNING failures_since_start > %(account_limit)s AS is_full, attempt_time),
counted AS (SELECT * FROM pair UNION ALL SELECT * FROM anywhere)
SELECT bool_or(is_full), ceil(extract(epoch FROM max(attempt_time) FILTER (WHERE is_full) + %(cool_off)s - now()))
  FROM counted"""

_RELEASE = """
WITH pair AS (DELETE FROM axes_accessattempt WHERE username = %(account)s AND ip_address = %(address)s)
UPDATE axes_accessattempt SET failures_since_start = greatest(failures_since_start - 1, 0)
 WHERE username = %(account)s AND ip_address = '255.255.255.255' RETURNING 1"""

_GIVE_BACK = """
UPDATE axes_accessattempt SET failures_since_start = greatest(failures_since_start - 1, 0)
 WHERE username = %(account)s AND ip_address IN (%(address)s, '255.255.255.255') RETURNING 1"""


# One reservation in so many also drops what is over, so that guesses from ever new addresses do not fill the table.
_SWEEP_ONE_IN = 100
_SWEEP = """
DELETE FROM axes_accessattempt WHERE id IN (
    SELECT id FROM axes_accessattempt WHERE attempt_time <= now() - %(cool_off)s LIMIT 2000) RETURNING 1"""


class Throttled(Exception):
    """Too many attempts. ``retry_after`` is the number of seconds after which the next one will be heard."""

    def __init__(self, retry_after: int, *, limit: str) -> None:
        super().__init__(f"{limit}: wait {retry_after} s")
        self.retry_after = retry_after
        self.limit = limit


@dataclass(frozen=True, slots=True)
class _Bucket:
    account: str
    address: str
    account_limit: int  # 0: not counted over all addresses


class ReservingHandler(AxesDatabaseHandler):  # type: ignore[misc]  # axes ships no types
    """django-axes over its own tables, with the count taken before the attempt instead of after its failure."""

    def is_allowed(self, request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> bool:
        """Reserve one attempt. False, with ``request.axes_retry_after``, if there is none left."""
        bucket = _bucket(request, credentials)
        row = asking.one_row(
            IDENTITY_DATABASE,
            _RESERVE,
            {
                "account": bucket.account,
                "address": bucket.address,
                "path": request.path[:255],
                "cool_off": get_cool_off(request),
                "pair_limit": settings.AXES_FAILURE_LIMIT,
                "account_limit": bucket.account_limit,
            },
            system=STORE,
        )
        if random.randrange(_SWEEP_ONE_IN) == 0:  # noqa: S311 - chance spreads the work, it protects nothing
            self.sweep(request)
        full, seconds = row or (True, None)
        request.axes_locked_out = bool(full)  # type: ignore[attr-defined]  # axes keeps its state on the request
        request.axes_retry_after = max(1, int(seconds or 1))  # type: ignore[attr-defined]  # as above
        return not full

    def sweep(self, request: HttpRequest) -> None:
        """Drop rows whose cool-off is over; a table that holds only them counts like an empty one."""
        asking.one_row(IDENTITY_DATABASE, _SWEEP, {"cool_off": get_cool_off(request)}, system=STORE)

    def user_login_failed(
        self, sender: Any, credentials: Mapping[str, Any], request: HttpRequest | None = None, **kwargs: Any
    ) -> None:
        """The attempt was counted when it was reserved; only tell listeners that a door is shut now."""
        if request is None or not getattr(request, "axes_locked_out", False):
            return
        bucket = _bucket(request, credentials)
        user_locked_out.send("axes", request=request, username=bucket.account, ip_address=bucket.address)

    def release(self, request: HttpRequest, credentials: Mapping[str, Any]) -> None:
        """The attempt was a right one: forget the failures from here, and take it off the account's count."""
        self._correct(_RELEASE, request, credentials)

    def give_back(self, request: HttpRequest, credentials: Mapping[str, Any]) -> None:
        """Take the attempt off the counts, and nothing else."""
        self._correct(_GIVE_BACK, request, credentials)

    def _correct(self, statement: str, request: HttpRequest, credentials: Mapping[str, Any]) -> None:
        bucket = _bucket(request, credentials)
        parameters = {"account": bucket.account, "address": bucket.address}
        asking.one_row(IDENTITY_DATABASE, statement, parameters, system=STORE)


def admit_address(request: HttpRequest) -> None:
    """Count one sign-in attempt from this client address. Raises ``Throttled``, or ``Unavailable`` without a cache."""
    _admit(request, group="sign-in", key=_address_key, rate=settings.SIGN_IN_RATE_PER_ADDRESS)


def admit_reset(request: HttpRequest, email: str) -> bool:
    """May another link to a new password be mailed to this address? Raises ``Throttled`` for a client that asks too often.

    False without a word once the account had its share: the mails that went out can be used, and whoever floods somebody
    else's mailbox learns nothing.
    """
    _admit(request, group="reset", key=_address_key, rate=settings.RESET_RATE_PER_ADDRESS)

    def key(group: str, request: HttpRequest) -> str:
        return account_key(request, {"email": email})

    try:
        _admit(request, group="reset-account", key=key, rate=settings.RESET_RATE_PER_ACCOUNT)
    except Throttled:
        return False
    return True


def admit_arrival(request: HttpRequest) -> None:
    """Count one return from a sign-in elsewhere, from this client address. Raises ``Throttled`` or ``Unavailable``."""
    _admit(request, group="sso", key=_address_key, rate=_ARRIVALS)


def reserve(request: HttpRequest, email: str) -> None:
    """Count one guess at this account's password before it is compared. Raises ``Throttled`` or ``Unavailable``."""
    if not AxesProxyHandler.is_allowed(request, {"email": email}):
        raise Throttled(request.axes_retry_after, limit="account")  # type: ignore[attr-defined]  # set by the handler


def failed(request: HttpRequest, email: str) -> None:
    """Tell axes and its listeners that a guess was wrong."""
    user_login_failed.send(sender=__name__, credentials={"email": email}, request=request)


def succeeded(request: HttpRequest, email: str) -> None:
    """Give the reserved attempt back, and forget the wrong ones: it was the owner's, as the password says."""
    _corrected(AxesProxyHandler.get_implementation().release, request, email)


def code_succeeded(request: HttpRequest, email: str) -> None:
    """Give the reserved attempt back. The code says nothing about the wrong passwords before it: whoever found a browser open may
    have set the authenticator up, and would make of each of its codes five more guesses.
    """
    _corrected(AxesProxyHandler.get_implementation().give_back, request, email)


def _corrected(correct: Callable[..., None], request: HttpRequest, email: str) -> None:
    try:
        correct(request, {"email": email})
    except Unavailable:
        # A store that is silent by now changes nothing for whoever was right.
        logger.warning("An attempt succeeded, and could not be taken off the counts.")


def account_key(request: HttpRequest | None, credentials: Mapping[str, Any] | None) -> str:
    """AXES_USERNAME_CALLABLE: the account as a keyed hash, the same for every spelling of its address."""
    email = str((credentials or {}).get("email") or "")
    return salted_hmac("accounts.throttling.account", email_key(email), algorithm="sha256").hexdigest()


def axes_address(request: HttpRequest) -> str:
    """AXES_CLIENT_IP_CALLABLE: the client's address, IPv6 by its /64, which is what one client can walk through."""
    address = client_address(request)
    if not address:
        return "127.0.0.1"  # A Unix socket without a proxy's word: the peer is this machine.
    network = ip_network(f"{address}/64", strict=False) if ip_address(address).version == 6 else None
    return str(network.network_address) if network else address


def _bucket(request: HttpRequest, credentials: Mapping[str, Any] | None) -> _Bucket:
    account = account_key(request, credentials)
    device = devices.known(request, account)
    if device is not None:
        return _Bucket(
            salted_hmac("accounts.throttling.device", device + account, algorithm="sha256").hexdigest(), _ANYWHERE, 0
        )
    return _Bucket(account, axes_address(request), settings.SIGN_IN_LIMIT_PER_ACCOUNT)


def _address_key(group: str, request: HttpRequest) -> str:
    return axes_address(request)


def _admit(request: HttpRequest, *, group: str, key: Any, rate: str) -> None:
    try:
        usage = get_usage(request, group=group, key=key, rate=rate, increment=True)
    except Exception as error:
        # Ours answers with a no when it cannot count; Redis raises errors of its own package. Either way: not counted,
        # not admitted, and no error page.
        raise Unavailable("throttling counters") from error
    if usage is None or not usage["should_limit"]:
        return
    if usage["limit"] == 0:
        # django-ratelimit's way to say that the cache could not count. Not counting must not mean admitting.
        raise Unavailable("throttling counters")
    raise Throttled(max(1, usage["time_left"]), limit=group)
