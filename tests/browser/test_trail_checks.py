"""Are the pages on which the trail is checked, the isolation proven and filters kept clean, inside their width, and usable?"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from django.db import connections
from playwright.sync_api import Page, expect

from accounts import isolation
from audit import entries, ledger, sealing
from audit.checks import running, services
from tests import cast
from tests.audit.notices import desk
from tests.browser.conftest import SignIn, open_console
from tests.browser.looking import complaints
from tests.cast import ALICE, OLGA

LONG = "Refused to the new colleague, in the last thirty days, all."
TRAIL, ISOLATION, QUEUE, ENTRIES = (f"/operator/audit/{name}/" for name in ("check", "proof", "review", "entry"))


@pytest.fixture(autouse=True)
def _no_checkpoints() -> None:
    """Of the tests before, whose trail is emptied: they would say that its end was cut off."""
    sealing.outside().unlink(missing_ok=True)


def put(*people: cast.Person) -> list[str]:
    found = [entries.fact("agent.created", actor=person.tenant) for person in people]
    ledger.post([entries.encode(entry) for entry in found])
    return [str(entry["id"]) for entry in found]


def broken() -> None:
    """What a check says of a trail that somebody rewrote."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE audit_check SET holds = false, result = result || %s::jsonb",
            [f'{{"broken": ["{cast.ACME.id}"], "missing": ["{cast.BIRCH.id}"], "elsewhere": true, "truncated": true}}'],
        )


def test_a_workspace_has_its_trail_checked_and_keeps_filters(sign_in: SignIn) -> None:
    page, found = sign_in(ALICE), {}
    put(ALICE)
    sealing.seal()
    page.goto("/trail/")
    page.get_by_role("link", name="Check", exact=True).click()
    found["empty"] = complaints(page)
    page.get_by_role("button", name="Check now").click()
    whole = page.get_by_text("Your trail is whole.")
    # The installation's own worker may be faster than this test.
    expect(page.get_by_role("progressbar").or_(whole)).to_be_visible()
    found["under way"] = complaints(page)
    running.run_checks()
    # The page draws it by itself.
    expect(whole).to_be_visible()
    found["whole"] = complaints(page)
    broken()
    page.reload()
    found["not whole"] = complaints(page)
    page.goto("/trail/?outcome=allowed")
    page.get_by_text("Save these filters").click()
    page.get_by_label("Name for these filters").fill(LONG)
    found["saving"] = complaints(page)
    page.get_by_role("button", name="Save", exact=True).click()
    found["saved"] = complaints(page)
    page.goto("/trail/")
    page.get_by_role("link", name=LONG).click()
    expect(page.get_by_label("Outcome")).to_have_value("allowed")
    page.get_by_role("button", name=f"Forget the filter {LONG}").click()
    expect(page.get_by_role("link", name=LONG)).to_have_count(0)
    assert {name: words for name, words in found.items() if words} == {}


def test_an_operator_checks_proves_and_keeps_filters(new_page: Callable[[], Page]) -> None:
    page, found = new_page(), {}
    desk.store(desk.spoofed())
    sealing.seal()
    open_console(page, OLGA)
    for address, button, answer, said in (
        (TRAIL, "Check now", running.run_checks, "The trail is whole."),
        (ISOLATION, "Prove now", running.run_proof, "The isolation holds."),
    ):
        page.goto(address)
        found[f"{address} empty"] = complaints(page)
        page.get_by_role("button", name=button).click()
        # The installation's own worker may be faster than this test; of a proof at the start the page says the same before.
        expect(page.get_by_role("progressbar").or_(page.get_by_text(said)).first).to_be_visible()
        found[f"{address} under way"] = complaints(page)
        answer()
        expect(page.get_by_text(said)).to_be_visible()
        found[f"{address} done"] = complaints(page)
    report = isolation.report(isolation.prove(), began=time.monotonic())
    hole = {"findings": [{"where": "table files_file", "what": "row security is off, so every login sees every row"}]}
    services.keep_proof({**report, **hole}, origin="terminal")
    broken()
    for address in (TRAIL, ISOLATION):
        page.goto(address)
        found[f"{address} not whole"] = complaints(page)
    page.get_by_role("button", name="Prove and attack").click()
    expect(page.get_by_role("dialog")).to_contain_text("throw-away")
    found["dialog"] = complaints(page)
    for address in (QUEUE, ENTRIES):
        page.goto(f"{address}?severity=critical")
        page.get_by_text("Save these filters").click()
        page.get_by_label("Name for these filters").fill(LONG)
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("link", name=LONG)).to_have_attribute("aria-current", "true")
        found[address] = complaints(page)
    assert {name: words for name, words in found.items() if words} == {}
