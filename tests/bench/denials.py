"""What does it cost a refused request to be recorded, how fast are refusals shipped, and how soon is somebody told?"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import path

from accounts.http import Refusal, TenantRequest
from accounts.signals import access_denied
from audit import entries, spool
from audit.notices import operating
from audit.notices.models import Kind
from audit.shipper import Shipper
from tests import cast, doors
from tests.addresses import WITH_IDS, Address
from tests.audit import children
from tests.audit.notices import desk
from tests.audit.reaching import desks, reaches
from tests.audit.test_reaching_routes import knock
from tests.bench.lifecycle import handler
from tests.bench.measure import interleaved
from tests.bench.rows import Row, at_least, at_most, noted
from tests.receivers import Receiver, receiver
from tests.test_every_url import variants
from tests.waiting import PATIENCE

SHIPPED = 50_000
# Their own pools as in an installation: the benchmark itself takes one connection each.
ADMITTED = {"OUTBOUND_ALLOWED_NETWORKS": "127.0.0.1/32", "DATABASE_POOL_SIZE": "24"}
KINDS = [
    (person, f"{where}?workspace_id=1")
    for where in ("/files/", "/agents/", "/conversations/", "/account/")
    for person in (cast.ALICE, cast.ADA, cast.BOB, cast.VERA, cast.CHARLIE)
]
# Of another workspace; each is a 404 like any typo, and what it was is found out after the answer.
REACHES = ("/files/{file_id}/", "/agents/{agent_id}/", "/conversations/{conversation_id}/", "/models/{provider_id}/")


def refused(request: TenantRequest) -> HttpResponse:
    """What a member gets who asks for what is not there, without the page that says so."""
    return HttpResponse(b"ok", status=404)


urlpatterns = [path("refused/", refused)]


def rows(home: Path, *, rounds: int) -> list[Row]:
    """Measure all three, with the spool in ``home``. The trail is empty: whoever tells of it has nothing to catch up with."""
    return [*_recording(rounds), *_telling(home), _shipping(home)]


def _recording(rounds: int) -> list[Row]:
    """The same refused request with and without whoever hears of refusals, in turn."""
    listening = access_denied.receivers
    with override_settings(ROOT_URLCONF=__name__):
        cookie = f"{settings.SESSION_COOKIE_NAME}={doors.session(cast.ALICE).token}"
        answer = handler(list(settings.MIDDLEWARE), "/refused/", cookie, urls=__name__, expected="404 Not Found")

        def heard_by(receivers: list[Any]) -> Callable[[], object]:
            def call() -> object:
                access_denied.receivers = receivers
                try:
                    return answer()
                finally:
                    access_denied.receivers = listening

            return call

        slices = interleaved({"recorded": heard_by(listening), "unheard": heard_by([])}, rounds=rounds, calls=10)
    cost = slices.difference("recorded", "unheard")
    return [
        at_most("audit: a denial adds to the refused request", cost.median / 1000, 0.15, "ms", f"{cost} µs"),
        noted("audit: the refused request, recorded", slices.typical("recorded"), "µs"),
    ]


def _shipping(home: Path) -> Row:
    """Refusals of as many kinds, in segments whose writer is gone, by the shipper itself."""
    folder = home / "shipping"
    writer = spool.Spool(folder)
    refusal = Refusal("not_found", "request.refused")
    for number in range(SHIPPED):
        entry = entries.denial(None, status=404, refusal=refusal, actor=cast.BOB.tenant)
        writer.append(entries.encode({**entry, "fingerprint": f"{number:016x}"}))
    writer.close()
    segments = len(spool.segments(folder))
    began = time.perf_counter()
    shipped = Shipper(folder).ship()
    seconds = time.perf_counter() - began
    if shipped != SHIPPED or spool.segments(folder):
        raise AssertionError(f"{shipped} of {SHIPPED} entries were shipped.")
    how = f"{SHIPPED:,} entries of {segments} segments"
    return at_least("audit: entries shipped", SHIPPED / seconds, 5000, "a second", how)


def _telling(home: Path) -> list[Row]:
    """From the refused request to the receiver of a webhook, through a real shipper and worker; each of another kind."""
    processes = [children.start_command(home, name, **ADMITTED) for name in ("ship_audit", "work")]
    try:
        with receiver() as hook, override_settings(OUTBOUND_ALLOWED_NETWORKS=[ip_network("127.0.0.1/32")]):
            operating.add_channel(
                operator=desk.OLGA, name="n", kind=Kind.WEBHOOK, address=hook.url, least="critical", heartbeat=False
            )
            took = [_told(hook, *kind) for kind in KINDS][1:]
            reached = [_told(hook, *kind) for kind in _into_acme()]
        routes, slowest = _every_route()
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.communicate(timeout=PATIENCE)
    return [
        at_most("audit: from refusal to first notification", max(took), 5.0, "s", _worst(took)),
        at_most("audit: from a reach to its first notification", max(reached), 5.0, "s", _worst(reached)),
        at_most("audit: from a reach to its critical entry", slowest, 5.0, "s", f"worst of {routes} addresses"),
    ]


def _worst(seconds: list[float]) -> str:
    return f"worst of {len(seconds)} kinds; median {statistics.median(seconds):.2f} s"


def _into_acme() -> list[tuple[cast.Person, str]]:
    """Charlie, with a valid session of Birch, and what Acme has."""
    theirs, _ = desks()
    return [(cast.CHARLIE, where.format(**theirs.ids)) for where in REACHES]


def _every_route() -> tuple[int, float]:
    """How many requests reached into Acme, at every address that takes an id, and the longest until one was critical."""
    theirs, own = desks()
    # One key for all of them: a member has so many and no more.
    clients = {True: doors.program(cast.CHARLIE), False: doors.browser(cast.CHARLIE)}
    took = []
    for address in WITH_IDS:
        path, _ = next(iter(variants(address, theirs, own)))
        if theirs.ids["slug"] not in path:  # A slug names nobody's object.
            took.append(_until_critical(clients[address.is_api], address, path))
    return len(took), max(took)


def _until_critical(client: Client, address: Address, path: str) -> float:
    client.defaults["SERVER_NAME"] = "127.0.0.1"
    began = time.monotonic()
    answers = (knock(client, address, method, path) for method in address.methods)
    request = next(answer["X-Request-Id"] for answer in answers if answer.status_code != 405)
    desk.until(lambda: request in reaches())
    return time.monotonic() - began


def _told(hook: Receiver, person: cast.Person, where: str) -> float:
    """Seconds until it is told. The first also waits for the processes to begin, and counts for nothing."""
    with connections["owner"].cursor() as cursor:
        # As after some quiet minutes: what is measured is one message, and not how many a channel may get.
        cursor.execute("UPDATE audit_channelstate SET tokens = 10")
    hook.received.clear()
    browser = doors.browser(person)
    began = time.monotonic()
    answer = browser.get(where, SERVER_NAME="127.0.0.1")
    desk.until(lambda: _of(hook, answer["X-Request-Id"]))
    return hook.received[-1].at - began


def _of(hook: Receiver, request: str) -> bool:
    bodies = [json.loads(one.body) for one in hook.received]
    return any((body["data"].get("entry") or {}).get("request") == request for body in bodies)
