"""Can a person go to their company's sign-in and come back, in a real browser, against a WorkOS that speaks over the wire?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from django.db import connections
from playwright.sync_api import Page, expect

from accounts.models import IdentityLink, Role, Workspace
from accounts.services import invitations
from tests import databases
from tests.browser.conftest import Installation, type_sign_in
from tests.browser.looking import complaints
from tests.cast import ACME, ALICE, BOB, acting
from tests.served import running
from tests.workos.server import Double
from tests.workos.stage import Stage, configured


@pytest.fixture(scope="module")
def double() -> Iterator[Double]:
    """A WorkOS that shows a page to click through."""
    with Double() as double:
        double.auto = False
        yield double


@pytest.fixture(scope="module")
def served(
    double: Double,
    installation: Installation,
    django_db_blocker: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """An installation of its own, configured to speak to it."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]  # pytest-django's blocker
        installation.stop()
    with configured(double) as values, pytest.MonkeyPatch.context() as patched:
        for name, value in values.items():
            patched.setenv(name, value)
        with running(tmp_path_factory.mktemp("served")) as address:
            yield address
    with django_db_blocker.unblock():  # type: ignore[attr-defined]  # pytest-django's blocker
        databases.put_back()


@pytest.fixture
def stage(double: Double, committed: None) -> Iterator[Stage]:
    """The cast as WorkOS knows it; Acme and Birch trust nobody yet."""
    stage = Stage(double)
    Workspace.objects.using("owner").update(organization_id=None)
    IdentityLink.objects.using("owner").filter(provider="workos").delete()
    yield stage
    double.world.__init__()  # type: ignore[misc]  # as if it had just been started


def choose_at_the_provider(page: Page, email: str) -> None:
    """Click through the provider's page as this person."""
    page.get_by_role("link", name=email).click()


def connect_the_company(owner: Page) -> None:
    """As an owner who has just signed in: connect it, and be asked at the provider who one is."""
    owner.goto("/people/")
    owner.get_by_role("link", name="Single sign-on").click()
    expect(owner.get_by_role("button", name="Connect your organisation")).to_be_visible()
    assert complaints(owner) == []
    owner.get_by_role("button", name="Connect your organisation").click()
    choose_at_the_provider(owner, ALICE.email)
    owner.get_by_role("button", name="Connect this organisation").click()
    expect(owner.get_by_role("status").first).to_contain_text("The organisation is connected")
    expect(owner.locator("main")).to_contain_text("acme.test")
    assert complaints(owner) == []


def come_in_by_it(page: Page, email: str) -> None:
    """From the sign-in page, by the address only."""
    page.get_by_label("E-mail").fill(email)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Continue with single sign-on").click()
    choose_at_the_provider(page, email)


def prove_it_again(page: Page) -> None:
    """Half a day later, before a sensitive act: at the provider, and back to where one was."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE accounts_session SET signed_in_at = now() - interval '12 hours'")
    page.goto("/keys/new/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in again")
    assert complaints(page) == []
    page.get_by_role("button", name="Continue with single sign-on").click()
    choose_at_the_provider(page, BOB.email)
    expect(page).to_have_url(re.compile("/keys/new/$"))
    expect(page.get_by_label("What is it for?")).to_be_visible()


def test_an_owner_connects_their_company_and_a_colleague_comes_in_by_it(
    new_page: Callable[[], Page], stage: Stage
) -> None:
    owner = new_page()
    owner.goto("/")
    type_sign_in(owner, ALICE)
    connect_the_company(owner)

    colleague = new_page()
    colleague.goto("/files/")
    come_in_by_it(colleague, BOB.email)
    expect(colleague).to_have_url(re.compile("/files/$"))
    expect(colleague.get_by_role("navigation", name="Main")).to_be_visible()
    prove_it_again(colleague)

    # The owner comes by it too, insists on it, and whoever has a password only is out.
    owner.context.clear_cookies()
    owner.goto("/people/single-sign-on/")
    come_in_by_it(owner, ALICE.email)
    owner.get_by_label("Single sign-on only").check()
    owner.get_by_role("button", name="Save the rules").click()
    expect(owner.get_by_role("status").first).to_contain_text("The rules are changed")

    last = new_page()
    last.goto("/")
    last.get_by_label("E-mail").fill(BOB.email)
    last.get_by_role("button", name="Continue").click()
    expect(last.get_by_label("Password")).to_have_count(0)
    expect(last.get_by_role("button", name="Continue with single sign-on")).to_be_visible()
    assert complaints(last) == []
    assert Workspace.objects.using("owner").get(pk=ACME.id).requires_sso
    come_in_by_an_invitation(new_page(), stage)


def come_in_by_an_invitation(page: Page, stage: Stage) -> None:
    """As somebody whom the company knows and this installation does not."""
    nina = stage.world.person("nina@acme.test")
    stage.world.join(nina, stage.organizations[ACME])
    with acting(ALICE) as alice:
        token = invitations.token_of(invitations.send(actor=alice, email=nina.email, role=Role.MEMBER))
    page.goto(f"/invitations/{token}/")
    expect(page.get_by_label("Password")).to_have_count(0)
    assert complaints(page) == []
    page.get_by_role("button", name="Continue with single sign-on").click()
    choose_at_the_provider(page, nina.email)
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()


def test_somebody_who_is_nobody_here_reads_what_to_do(new_page: Callable[[], Page], stage: Stage) -> None:
    stranger = stage.world.person("nina@elsewhere.test")
    stage.world.join(stranger, stage.world.organization("Elsewhere"))
    page = new_page()
    page.goto("/sign-in/")
    page.get_by_label("E-mail").fill(stranger.email)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Continue with single sign-on").click()
    choose_at_the_provider(page, stranger.email)
    expect(page.locator("main")).to_contain_text("no workspace here is open to you")
    assert complaints(page) == []
    page.get_by_role("link", name=re.compile("sign-in|Sign in|again", re.IGNORECASE)).first.click()
    expect(page.get_by_label("E-mail")).to_be_visible()


def test_the_pages_are_clean_at_every_size(new_page: Callable[[], Page], stage: Stage) -> None:
    Workspace.objects.using("owner").filter(pk=ACME.id).update(organization_id=stage.organizations[ACME].id)
    page = new_page()
    page.goto("/")
    type_sign_in(page, ALICE)
    page.goto("/people/single-sign-on/")
    assert complaints(page) == []
