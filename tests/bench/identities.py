"""What does a request cost by a session of WorkOS's, and by a key, compared with one by a session of our own?

The whole request through every gate, with the real SDK and the double behind it, which counts whether it was asked anything.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.test import override_settings
from django.urls import path
from django.utils import timezone

from accounts.http import TenantRequest
from accounts.identity.store.models import VendorKey, VendorSession
from accounts.services import keys
from tests import doors
from tests.bench.lifecycle import handler
from tests.bench.measure import interleaved
from tests.bench.rows import Row, at_most, noted
from tests.bench.wire import counted
from tests.cast import BOB, acting
from tests.workos.server import Double
from tests.workos.stage import Stage, configured

# A token of WorkOS's lives five minutes, and a yes about a key half of one: the figure is about what happens in between.
_LONG = 6 * 3600


def secured(request: TenantRequest) -> HttpResponse:
    """The least behind every gate."""
    return HttpResponse(b"ok" if request.tenant.role else b"")


urlpatterns = [path("secured/", secured), path("api/secured/", secured)]


def rows(*, rounds: int) -> list[Row]:
    """Measure, and compare with the targets."""
    with Double() as double, configured(double) as values, override_settings(ROOT_URLCONF=__name__, **values):
        double.world.token_seconds = _LONG
        return _rows(Stage(double), rounds)


def _rows(stage: Stage, rounds: int) -> list[Row]:
    ours = doors.session(BOB).token
    opened = stage.session(BOB)
    own_key = doors.key(BOB).value
    with acting(BOB):
        key = keys.mint(actor=opened.tenant, name="Bench", scopes=["files:read"], days=30, once="b" * 16).value
    ways = {
        "local session": _by_cookie(ours),
        "WorkOS session": _by_cookie(opened.token),
        "local key": _by_key(own_key),
        "WorkOS key": _by_key(key),
    }
    for way in ways.values():
        way()
    _believe_for_long()
    asked = stage.double.asked
    trips = {name: _trips(way) for name, way in ways.items()}
    slices = interleaved(ways, rounds=rounds, calls=10)
    remote = stage.double.asked - asked
    assert VendorSession.objects.filter(revoked_at__isnull=True).count() == 1
    return _judged(slices, trips, remote)


def _believe_for_long() -> None:
    # The measurement takes longer than half a minute.
    VendorKey.objects.update(confirmed_at=timezone.now() + timedelta(seconds=_LONG))


def _judged(slices: Any, trips: dict[str, int], remote: int) -> list[Row]:
    session = slices.ratio("WorkOS session", "local session")
    own_key = slices.ratio("local key", "local session")
    key = slices.ratio("WorkOS key", "local session")
    return [
        at_most("identities: WorkOS session over a local one", session.median, 1.2, "×", str(session)),
        at_most("identities: key of our own over a session", own_key.median, 1.2, "×", str(own_key)),
        at_most("identities: WorkOS key over a session", key.median, 1.2, "×", str(key)),
        at_most("identities: remote calls of all these requests", remote, 0, "calls"),
        *(at_most(f"identities: {name}, round trips", count, 2, "round trips") for name, count in trips.items()),
        *(noted(f"identities: {name}", slices.typical(name), "µs") for name in trips),
    ]


def _trips(way: Callable[[], object]) -> int:
    with counted("default", "identity") as found:
        way()
    return found.all


def _by_cookie(token: str) -> Callable[[], object]:
    cookie = f"{settings.SESSION_COOKIE_NAME}={token}"
    return handler(list(settings.MIDDLEWARE), "/secured/", cookie, urls=__name__)


def _by_key(value: str) -> Callable[[], object]:
    return handler(list(settings.MIDDLEWARE), "/api/secured/", "", key=value, urls=__name__)
