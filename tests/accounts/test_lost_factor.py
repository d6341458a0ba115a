"""How does somebody come in again who lost their phone and every recovery code, and who can do that for them?"""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.identity import letters, resolution
from accounts.identity.base import Revoked
from accounts.identity.store.models import Account, MailedLink, SecondFactor
from accounts.signals import second_factor_removed
from tests import doors
from tests.authenticators import Authenticator
from tests.cast import ALICE, BOB, PASSWORD

pytestmark = pytest.mark.usefixtures("committed")


def remove(email: str = BOB.email) -> str:
    said = io.StringIO()
    call_command("remove_second_factor", email, stdout=said)
    return said.getvalue()


def test_it_is_removed_at_the_terminal_and_every_session_ends() -> None:
    heard: list[Any] = []
    second_factor_removed.connect(receiver := lambda **facts: heard.append(facts["subject"]), weak=False)
    Authenticator.of(BOB)
    Authenticator.of(ALICE)
    opened = doors.session(BOB)
    assert "signs in with the password alone" in remove()
    second_factor_removed.disconnect(receiver)
    assert heard == [BOB.subject]
    with pytest.raises(Revoked):
        resolution.resolve_session(opened.token)
    assert Client().post("/sign-in/", {"email": BOB.email, "password": PASSWORD}).headers["Location"] == "/"
    assert SecondFactor.objects.filter(account_id=ALICE.subject).exists(), "and nobody else's"


def test_a_short_password_does_not_stand_alone_afterwards() -> None:
    app, client, short = Authenticator.of(BOB), doors.browser(BOB), "eight st"
    assert client.post("/account/password/", {"current": PASSWORD, "new": short, "again": short}).status_code == 302
    assert app.recovery
    assert "sets a new password first" in remove()
    assert Client().post("/sign-in/", {"email": BOB.email, "password": short}).status_code == 401
    Client().post("/sign-in/forgotten/", {"email": BOB.email})
    letters.send_waiting()
    assert MailedLink.objects.filter(account_id=BOB.subject, used_at__isnull=True).exists()
    assert Account.objects.get(pk=BOB.subject).password_stands_alone


@pytest.mark.parametrize("email", [ALICE.email, "nobody@acme.test", ""])
def test_it_says_so_when_there_is_none(email: str) -> None:
    Authenticator.of(BOB)
    with pytest.raises(CommandError, match="knows no second factor"):
        remove(email)
    assert SecondFactor.objects.filter(account_id=BOB.subject).exists()
