"""Are the pages about notifications clean in axe's eyes, inside their width, and usable as they stand?"""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from audit.notices import operating, services
from audit.notices.models import Channel, Kind
from tests import cast
from tests.audit.notices import desk
from tests.browser.conftest import SignIn, open_console
from tests.browser.looking import complaints
from tests.cast import ALICE, OLGA

FAR = "https://93.184.216.34/a-path"
DSN = "https://0123456789abcdef0123456789abcdef@93.184.216.34/1"
LONG = ("On call, " * 8).strip()


def a_workspaces_channels() -> str:
    """One that works and one with a long name, with messages; the address of the second."""
    with cast.acting(ALICE) as tenant:
        for name, kind in (("Chat", Kind.SLACK), (LONG, Kind.WEBHOOK)):
            services.add(actor=tenant, name=name, kind=kind, address=FAR, least="info", actions=["file.deleted"])
        channel = Channel.objects.get(name=LONG)
        services.pause(actor=tenant, channel=channel.pk)
    desk.store(desk.spoofed(actor=ALICE.tenant, action="file.deleted", severity="notice", outcome="allowed"))
    return f"/trail/notifications/{channel.pk}/"


def test_a_workspaces_pages_are_clean(sign_in: SignIn) -> None:
    page = sign_in(ALICE)
    found = {}
    page.goto("/trail/notifications/")
    found["empty"] = complaints(page)
    channel = a_workspaces_channels()
    for path in ("/trail/", "/trail/notifications/", "/trail/notifications/new/", channel):
        page.goto(path)
        found[path] = complaints(page)
    assert {name: words for name, words in found.items() if words} == {}


def test_an_administrator_adds_one_by_hand_and_is_told_what_is_wrong(sign_in: SignIn) -> None:
    page = sign_in(ALICE)
    page.goto("/trail/")
    page.get_by_role("link", name="Notifications").click()
    page.get_by_role("link", name="New channel").click()
    page.get_by_label("Name", exact=True).fill("Our own")
    page.get_by_label("Address of the webhook").fill("https://169.254.169.254/latest")
    page.get_by_role("button", name="Add the channel").click()
    expect(page.get_by_role("alert")).to_contain_text("private network")
    page.get_by_label("Address of the webhook").fill(FAR)
    page.get_by_role("button", name="Add the channel").click()
    expect(page.locator("#new-secret")).to_contain_text("whsec_")
    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_role("heading", name="Our own")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused")).to_be_visible()


def test_the_operators_pages_are_clean(new_page: Callable[[], Page]) -> None:
    added = operating.add_channel(
        operator=desk.OLGA, name=LONG, kind=Kind.WEBHOOK, address=FAR, least="info", heartbeat=True
    )
    operating.change_channel(operator=desk.OLGA, channel=added.id, act="pause")
    collector = operating.add_channel(
        operator=desk.OLGA, name="Errors", kind=Kind.SENTRY, address=DSN, least="info", heartbeat=False
    )
    page = new_page()
    open_console(page, OLGA)
    base = "/operator/audit/operatorchannel/"
    found = {}
    channels = (f"{base}{added.id}/", f"{base}{collector.id}/")
    for path in (base, f"{base}new/", *channels, "/operator/audit/rule/", "/operator/audit/rule/new/"):
        page.goto(path)
        found[path] = complaints(page)
    page.goto("/operator/audit/message/")
    found["outbox"] = complaints(page)
    page.goto("/operator/audit/rule/")
    page.get_by_role("link", name="A reserved name was sent").click()
    found["rule"] = complaints(page)
    assert {name: words for name, words in found.items() if words} == {}
