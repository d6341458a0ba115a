"""Does the queue say the right thing of the right people, however much is in it and whoever else is at it?"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from pytest_django import Settings

from accounts.http import Refusal
from accounts.operators import Operator
from audit import entries, ledger, reaching, shipper
from audit import services as trail
from audit.reviews import blocks, queries, services
from audit.reviews.models import Resolution, Review
from tests import cast, doors

pytestmark = pytest.mark.usefixtures("committed")

QUEUE = "/operator/audit/review/"
HOME, ELSEWHERE = "203.0.113.200", "198.51.100.9"


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.AIAXIS_HOME = tmp_path
    return tmp_path / "spool"


def refused(*, address: str = HOME, severity: str = "warning", **changes: Any) -> entries.Entry:
    """A refusal of Charlie's, stored."""
    refusal = Refusal("not_found", "request.refused", severity)
    entry = entries.denial(None, status=404, refusal=refusal, actor=cast.CHARLIE.tenant)
    entry |= {"client_address": address, **changes}
    ledger.post([entries.encode(entry)])
    return entry


def act(browser: Client, entry: entries.Entry, verb: str, **values: Any) -> str:
    """What the page says after the act."""
    return browser.post(f"{QUEUE}{entry['fingerprint']}/{verb}/", values, follow=True).content.decode()


def flood(kinds: int, severity: str = "notice") -> None:
    """So many other kinds, each newer than all before."""
    found = []
    for number in range(kinds):
        refusal = Refusal("not_found", "request.refused", severity)
        entry = entries.denial(None, status=404, refusal=refusal, actor=None)
        found.append(entries.encode({**entry, "fingerprint": f"{number:016x}"}))
    ledger.post(found)


def fingerprints(browser: Client, **filters: str) -> list[str]:
    return [group.fingerprint for group in browser.get(QUEUE, filters).context["groups"]]


def test_what_was_looked_at_already_is_found_by_its_state_however_much_is_newer() -> None:
    browser = doors.operator(cast.OLGA)
    mine, resolved = refused(), refused(fingerprint="f" * 16)
    act(browser, mine, "assign")
    act(browser, resolved, "resolve", resolution="bug")
    flood(5 * queries.MOST_GROUPS + 1, severity="warning")
    assert fingerprints(browser, mine="on") == [mine["fingerprint"]]
    assert fingerprints(browser, status="acknowledged") == [mine["fingerprint"]]
    assert fingerprints(browser, status="resolved") == [resolved["fingerprint"]]


def test_what_is_worst_stands_first_however_much_is_newer() -> None:
    worst = refused(severity="critical")
    flood(5 * queries.MOST_GROUPS + 1)
    page = doors.operator(cast.OLGA).get(QUEUE)
    found = page.context["groups"]
    assert (found[0].fingerprint, len(found)) == (worst["fingerprint"], queries.MOST_GROUPS)
    assert "There are more kinds" in page.content.decode()


@pytest.mark.parametrize("verb", ["acknowledge", "assign", "resolve"])
def test_a_page_that_was_open_all_along_does_not_undo_what_somebody_else_decided(verb: str) -> None:
    entry, browser = refused(), doors.operator(cast.OLGA)
    act(browser, entry, "resolve", resolution="attack")
    assert "somebody else was faster" in act(browser, entry, verb, resolution="expected")
    row = Review.objects.using("ops").get()
    assert (row.status, row.resolution, row.assigned_id) == ("resolved", "attack", None)


def test_one_that_came_again_can_be_taken_on_and_resolved_once_more() -> None:
    entry, browser = refused(), doors.operator(cast.OLGA)
    act(browser, entry, "resolve", resolution="expected")
    refused()
    act(browser, entry, "acknowledge")
    act(browser, entry, "resolve", resolution="attack")
    assert Review.objects.using("ops").get().resolution == "attack"


def test_a_block_is_not_made_shorter_by_a_page_that_was_open_all_along() -> None:
    entry, browser = refused(), doors.operator(cast.OLGA)
    act(browser, entry, "block", address=HOME, minutes=7 * 24 * 60)
    assert "somebody else was faster" in act(browser, entry, "block", address=HOME, minutes=15)
    [block] = queries.blocks()
    assert block.until > datetime.now(UTC) + timedelta(days=6)


def test_of_one_who_comes_from_two_addresses_either_can_be_shut_out() -> None:
    """A stolen key is used from elsewhere while its owner goes on from home."""
    refused(address=HOME)
    entry, browser = refused(address=ELSEWHERE), doors.operator(cast.OLGA)
    page = browser.get(f"{QUEUE}{entry['fingerprint']}/")
    assert page.context["group"].address == ELSEWHERE
    text = page.content.decode()
    assert f'<option value="{HOME}">' in text
    assert f'<option value="{ELSEWHERE}" selected>' in text
    act(browser, entry, "block", address=ELSEWHERE, minutes=15)
    assert [one.network for one in queries.blocks()] == [f"{ELSEWHERE}/32"]
    text = browser.get(f"{QUEUE}{entry['fingerprint']}/").content.decode()
    assert f'name="address" value="{HOME}"' in text
    assert f"{ELSEWHERE}</code> is turned away until" in text


def test_an_address_is_shut_out_while_its_flood_is_still_being_shipped(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, browser = refused(), doors.operator(cast.OLGA)
    for _ in range(50):
        trail.record(entries.denial(None, status=404, refusal=None, actor=None))
    known: list[bool] = []

    def batch(found: Sequence[entries.Entry]) -> list[entries.Entry]:
        known.append(blocks.Blocks().hold(ELSEWHERE, lambda: folder))
        if len(known) == 1:
            act(browser, entry, "block", address=ELSEWHERE, minutes=15)
        return []

    monkeypatch.setattr(shipper, "BATCH_BYTES", 4000)
    monkeypatch.setattr(shipper, "PUBLISH_SECONDS", 0.0)
    monkeypatch.setattr(reaching, "foreign", batch)
    shipper.Shipper(folder).ship()
    assert known[:3] == [False, True, True]


@pytest.mark.parametrize("address", ["10.1.2.3", "2001:db8:0:1::9"])
def test_a_proxy_of_ours_is_not_shut_out(address: str, settings: Settings) -> None:
    """Everybody comes through it, the checks of its health among them."""
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "2001:db8:0:1::7/128"]
    entry = refused(address=address)
    assert "comes through a proxy" in act(doors.operator(cast.OLGA), entry, "block", address=address, minutes=15)
    assert queries.blocks() == []


def test_what_is_decided_at_the_same_moment_is_decided_once() -> None:
    """The second waits for the first, and then sees it."""
    entry = refused()
    doors.operator(cast.OLGA)
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT id, user_id, expires_at FROM accounts_operatorsession")
        [(session, user, expires)] = cursor.fetchall()
    olga = Operator(user, "Olga", cast.OLGA.email, "password", session, datetime.now(UTC), expires)
    together, late = threading.Barrier(2), list[str]()

    def resolve(resolution: Resolution) -> None:
        try:
            together.wait()
            services.resolve(olga, fingerprint=entry["fingerprint"], resolution=resolution)
        except services.CameTooLate:
            late.append(resolution.value)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=resolve, args=[one]) for one in (Resolution.BUG, Resolution.ATTACK)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted([*late, Review.objects.using("ops").get().resolution]) == ["attack", "bug"]
