"""What does the fully secured request cost over a bare view, and over what Django brings for the same purpose?"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path
from django.utils import timezone

from accounts.access import public
from accounts.http import TenantRequest
from accounts.identity import providers
from accounts.identity.base import Identity
from tests import doors
from tests.bench import django_way
from tests.bench.measure import interleaved
from tests.bench.rows import Row, at_least, at_most, noted
from tests.bench.wire import counted
from tests.cast import ALICE


@public
def bare(request: HttpRequest) -> HttpResponse:
    """The least that a view can do."""
    return HttpResponse(b"ok")


def secured(request: TenantRequest) -> HttpResponse:
    """The same behind every gate."""
    return HttpResponse(b"ok" if request.tenant.role else b"")


urlpatterns = [path("bare/", bare), path("secured/", secured), path("django/", django_way.view)]


def handler(
    middleware: list[str], where: str, cookie: str, *, key: str = "", urls: str = __name__, expected: str = "200 OK"
) -> Callable[[], object]:
    """A WSGI application with this middleware, and a call that answers one request through it, by a cookie or a key."""
    with override_settings(MIDDLEWARE=middleware, ROOT_URLCONF=urls):
        application = WSGIHandler()
    credential = {"HTTP_AUTHORIZATION": f"Bearer {key}"} if key else {"HTTP_COOKIE": cookie}

    def answer() -> object:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": where,
            "QUERY_STRING": "",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "127.0.0.1:8000",
            "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140",
            "HTTP_ACCEPT": "text/html,application/xhtml+xml",
            "HTTP_ACCEPT_LANGUAGE": "en",
            **credential,
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": io.StringIO(),
        }
        status: list[str] = []

        def start(code: str, headers: Any, error: Any = None) -> Callable[[bytes], object]:
            status.append(code)
            return bytes

        response = application(environ, start)
        body = b"".join(response)
        response.close()
        if status[0] != expected or body != b"ok":
            raise RuntimeError(f"{where} answered {status[0]}: {body[:200]!r}")
        return body

    return answer


@contextmanager
def without_identity_store(identity: Identity) -> Iterator[None]:
    """Measure the platform's half alone: the other system answers at once, from memory."""
    real = providers.named

    class Immediate:
        def verify_session(self, token: str) -> Identity:
            return identity

    vars(providers)["named"] = lambda name: Immediate()
    try:
        yield
    finally:
        vars(providers)["named"] = real


def rows(*, rounds: int) -> list[Row]:
    """Measure, and compare with the targets."""
    with override_settings(ROOT_URLCONF=__name__):
        try:
            return _rows(rounds)
        finally:
            django_way.drop_sessions()


def _rows(rounds: int) -> list[Row]:
    opened = doors.session(ALICE)
    ours = handler(list(settings.MIDDLEWARE), "/secured/", f"{settings.SESSION_COOKIE_NAME}={opened.token}")
    djangos = handler(django_way.MIDDLEWARE, "/django/", f"sessionid={django_way.make_session()}")
    gates_only = handler(list(settings.MIDDLEWARE), "/bare/", "")
    plain = handler([], "/bare/", "")
    identity = providers.LOCAL.verify_session(opened.token)

    def platform_half() -> object:
        with without_identity_store(identity):
            return ours()

    with override_settings(SESSION_COOKIE_NAME=settings.SESSION_COOKIE_NAME):
        ours()
    with counted("default", "identity") as trips:
        ours()
    with counted("default", "identity") as half_trips:
        platform_half()
    with counted("owner") as django_trips:
        _as_django(djangos)()
    ways = {
        "bare": plain,
        "gates": gates_only,
        "secured": ours,
        "platform": platform_half,
        "django": _as_django(djangos),
    }
    slices = interleaved(ways, rounds=rounds, calls=10)
    return _judged(slices, trips.to, half_trips.all, django_trips.all, opened.expires_at - timezone.now())


def _as_django(answer: Callable[[], object]) -> Callable[[], object]:
    """Django's session middleware reads a setting that our cookie's name occupies; the other name is set around the call."""

    def call() -> object:
        name, settings.SESSION_COOKIE_NAME = settings.SESSION_COOKIE_NAME, "sessionid"
        try:
            return answer()
        finally:
            settings.SESSION_COOKIE_NAME = name

    return call


def _judged(slices: Any, trips: dict[str, int], half: int, django_trips: int, left: timedelta) -> list[Row]:
    assert left > timedelta(0)
    secured_cost, platform_cost = slices.difference("secured", "bare"), slices.difference("platform", "bare")
    times = slices.ratio_of_costs("django", "secured", "bare")
    return [
        at_most(
            "lifecycle: secured request over a bare view", secured_cost.median / 1000, 1.0, "ms", f"{secured_cost} µs"
        ),
        at_most("lifecycle: its round trips on the wire", sum(trips.values()), 2, "round trips", str(trips)),
        at_most("lifecycle: the platform's half alone", platform_cost.median / 1000, 0.8, "ms", f"{platform_cost} µs"),
        at_most("lifecycle: the platform's half, round trips", half, 1, "round trips"),
        at_least("lifecycle: times cheaper than Django's session, auth and ORM", times.median, 2.0, "×", f"{times} ×"),
        noted("lifecycle: bare view", slices.typical("bare"), "µs"),
        noted("lifecycle: a public view behind the gates", slices.typical("gates"), "µs"),
        noted("lifecycle: secured view", slices.typical("secured"), "µs"),
        noted("lifecycle: Django's way", slices.typical("django"), "µs", f"{django_trips} round trips"),
    ]
