"""Is every refusal seen, does every answer carry the headers, and does a stream stay inside its fence?"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import Client
from django.urls import include, path

from accounts.access import public, role_required
from accounts.http import TenantRequest
from accounts.models import Membership, Role
from accounts.requests import current_request
from accounts.signals import access_denied
from accounts.tenancy.context import bound
from tests import doors
from tests.cast import ALICE, BOB, CHARLIE, OLGA, VERA
from tests.doors import browser

pytestmark = [pytest.mark.django_db(databases=["default", "identity", "cache"]), pytest.mark.urls(__name__)]


@public
def raising(request: HttpRequest, what: str) -> HttpResponse:
    if what == "403":
        raise PermissionDenied("Only for owners. Ask one.")
    if what == "404":
        raise Http404
    if what == "500":
        raise ValueError("secret of the server")
    if what == "full":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$")
    return HttpResponse("returned", status=int(what))


@role_required(Role.ADMIN)
def admins_only(request: TenantRequest) -> HttpResponse:
    return HttpResponse("in")


def closed(request: TenantRequest) -> HttpResponse:
    return HttpResponse(request.tenant.display_name)


def streaming(request: TenantRequest) -> StreamingHttpResponse:
    def steps() -> Iterator[str]:
        try:
            for _ in range(3):
                binding = bound()
                names = sorted(Membership.objects.values_list("display_name", flat=True))
                yield f"{binding is not None}:{','.join(names)}\n"
        finally:
            ENDED.append(bound() is not None)

    return StreamingHttpResponse(steps(), content_type="text/event-stream")


@public
def form(request: HttpRequest) -> HttpResponse:
    return HttpResponse("sent")


ENDED: list[bool] = []
urlpatterns = [
    path("raise/<str:what>/", raising),
    path("admins/", admins_only),
    path("closed/", closed),
    path("stream/", streaming),
    path("form/", form),
    path("operator/thing/", closed),
    path("", include("accounts.urls")),
]
handler400 = "accounts.problems.bad_request"
handler403 = "accounts.problems.permission_denied"
handler404 = "accounts.problems.not_found"
handler500 = "accounts.problems.server_error"


@pytest.fixture
def heard() -> Iterator[list[dict[str, Any]]]:
    facts: list[dict[str, Any]] = []

    def hear(**fact: Any) -> None:
        facts.append({**fact, "context": current_request()})

    access_denied.connect(hear)
    yield facts
    access_denied.disconnect(hear)


@pytest.mark.parametrize(
    ("what", "reason"),
    [("403", "forbidden"), ("404", "not_found"), ("401", "credential"), ("429", "throttled"), ("503", "outage")],
)
def test_a_refusal_is_heard_raised_or_returned(what: str, reason: str, heard: list[dict[str, Any]]) -> None:
    """P6: one middleware sees each finished response."""
    response = Client().get(f"/raise/{what}/?q=1")
    assert response.status_code == int(what)
    [fact] = heard
    assert (fact["refusal"].reason, fact["response"].status_code) == (reason, int(what))
    context = fact["context"]
    assert (context.route, context.query_keys, str(context.request_id)) == (
        "/raise/<str:what>/",
        ("q",),
        response["X-Request-Id"],
    )


def test_a_full_disk_of_the_database_is_said_and_is_an_outage(heard: list[dict[str, Any]]) -> None:
    response = Client().get("/raise/full/")
    assert response.status_code == 503
    assert "The disk of the database is full, so nothing was stored." in response.content.decode()
    assert [fact["refusal"].reason for fact in heard] == ["outage"]


@pytest.mark.parametrize("what", ["200", "302", "422", "409"])
def test_an_ordinary_answer_is_no_refusal(what: str, heard: list[dict[str, Any]]) -> None:
    Client().get(f"/raise/{what}/")
    assert heard == []


def test_a_missing_address_a_csrf_failure_and_a_foreign_host_are_heard(heard: list[dict[str, Any]]) -> None:
    """P6: what no view ever saw is recorded as well."""
    strict = Client(enforce_csrf_checks=True)
    assert strict.get("/no/such/").status_code == 404
    assert strict.post("/form/", {}).status_code == 403
    assert strict.get("/form/", headers={"host": "evil.test"}).status_code == 400
    assert [fact["refusal"].reason for fact in heard] == ["not_found", "csrf", "host"]


def test_a_broken_listener_does_not_change_the_answer() -> None:
    def broken(**fact: Any) -> None:
        raise RuntimeError

    access_denied.connect(broken)
    try:
        assert Client().get("/raise/403/").status_code == 403
    finally:
        access_denied.disconnect(broken)


@pytest.mark.parametrize(
    "path", ["/form/", "/no/such/", "/raise/403/", "/raise/500/", "/closed/", "/static/aiaxis/base.css"]
)
def test_every_answer_carries_the_headers(path: str) -> None:
    """L21, L29: no image is fetched from elsewhere, whatever was written; no address of ours goes along to another site."""
    response = Client(raise_request_exception=False).get(path)
    response.close()
    policy = response["Content-Security-Policy"]
    for directive in ("object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "default-src 'none'"):
        assert directive in policy
    assert "img-src 'self' data:;" in f"{policy};"
    assert "unsafe-inline" not in policy
    assert "unsafe-eval" not in policy
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == response["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in response["Permissions-Policy"]
    assert response["Strict-Transport-Security"].startswith("max-age=31536000")
    if not path.startswith("/static/"):
        assert response["Cache-Control"] == "no-store"


def test_each_answer_has_a_nonce_of_its_own() -> None:
    policies = {Client().get("/form/")["Content-Security-Policy"] for _ in range(3)}
    assert len(policies) == 3


@pytest.mark.parametrize(("method", "told"), [("TRACE", "TRACE"), ("TRACK", "OTHER"), ("a\x1b[2J", "OTHER")])
def test_trace_and_unknown_methods_are_405_and_recorded(method: str, told: str, heard: list[dict[str, Any]]) -> None:
    """P6: TRACE echoes a request's cookies; plain Django answers it with 200. The record names none that a client made up."""
    answer = Client().generic(method, "/form/")
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE")
    [fact] = heard
    assert fact["refusal"].reason == "method"
    context = fact["context"]
    assert (context.method, str(context.request_id)) == (told, answer["X-Request-Id"])


def test_who_comes_back_to_the_address_of_a_form_reads_what_to_do() -> None:
    """A tab in which a form was refused opens anew where only forms are sent to; a browser shows its own page for an empty 405."""
    answer = browser(ALICE).get("/people/leave/")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert "Go back to the page with the form" in answer.content.decode()
    assert browser(ALICE).put("/people/leave/").content == b""


def test_a_failure_says_nothing_of_its_cause() -> None:
    response = Client(raise_request_exception=False).get("/raise/500/")
    assert response.status_code == 500
    assert "secret of the server" not in response.content.decode()
    assert response["X-Request-Id"] in response.content.decode()


def test_a_role_below_is_refused_and_recorded(heard: list[dict[str, Any]]) -> None:
    assert browser(ALICE).get("/admins/").content == b"in"
    assert browser(VERA).get("/admins/").status_code == 403
    [fact] = heard
    assert (fact["refusal"].reason, fact["refusal"].detail["needs"]) == ("role", "admin")
    assert fact["request"].tenant.membership_id == VERA.membership_id


def test_a_members_session_is_no_operators_and_an_operators_no_members() -> None:
    assert browser(ALICE).get("/operator/thing/").status_code == 404
    assert doors.operator(OLGA).get("/closed/").status_code == 302


def test_the_fence_is_left_with_the_response() -> None:
    assert browser(BOB).get("/closed/").content == b"Bob"
    assert bound() is None
    assert current_request() is None


def test_a_stream_is_fenced_at_every_step_and_leaves_nothing_on_the_thread() -> None:
    """L39: what is bound for one request must never be there for the next."""
    ENDED.clear()
    alice, charlie = browser(ALICE).get("/stream/"), browser(CHARLIE).get("/stream/")
    for _ in range(3):
        for response, names in ((alice, "Ada,Alice,Bob,Vera"), (charlie, "Charlie")):
            assert next(iter(response)).decode() == f"True:{names}\n"
            assert bound() is None
    alice.close()
    charlie.close()


def test_a_cancelled_stream_ends_inside_its_fence() -> None:
    """L39: a generator's end still finds its workspace; hundreds of them are in test_cancelled_streams.py."""
    ENDED.clear()
    response = browser(ALICE).get("/stream/")
    next(iter(response))
    response.close()
    assert bound() is None
    assert ENDED == [True]


def test_a_stream_asked_for_on_another_thread_is_still_fenced() -> None:
    """A server may take a stream's steps on a thread that never saw the request."""

    def plain() -> Iterator[bytes]:
        yield str(bound()).encode()

    from accounts.streams import fence_stream
    from tests.cast import acting

    with acting(ALICE):
        response = StreamingHttpResponse(plain())
        fence_stream(response)
    got: list[bytes] = []
    elsewhere = threading.Thread(target=lambda: contextvars.Context().run(lambda: got.extend(response)))
    elsewhere.start()
    elsewhere.join()
    assert str(ALICE.membership_id) in got[0].decode()
