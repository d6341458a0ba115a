"""Does a letter leave once, again after the mail server was away, and never after a day?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core import mail as outbox
from django.utils import timezone
from django.utils.module_loading import autodiscover_modules
from pytest_django import Settings

from accounts import rounds
from accounts.identity import letters, links
from accounts.identity.store.models import Account, Letter, MailedLink
from tests.cast import ALICE, BOB

pytestmark = pytest.mark.django_db(databases=["default", "identity"])


@pytest.fixture
def away(settings: Settings) -> Iterator[None]:
    """Nothing listens where the mail server should."""
    usual = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    yield
    settings.EMAIL_BACKEND = usual


def link_of(person: str = BOB.subject, email: str = "bob@new.test") -> MailedLink:
    return links.make(Account.objects.get(pk=person), MailedLink.Purpose.EMAIL, email=email)


def test_the_worker_knows_the_round() -> None:
    autodiscover_modules("jobs")
    assert letters.ROUND in rounds.REGISTRY


def test_it_leaves_once() -> None:
    letters.write("password_changed", to=BOB.email)
    letters.send_waiting()
    letters.send_waiting()
    assert [message.to for message in outbox.outbox] == [[BOB.email]]
    assert not Letter.objects.exists()


def test_it_waits_longer_each_time_while_the_mail_server_is_away(away: None) -> None:
    letters.write("password_changed", to=BOB.email)
    pauses = []
    for _ in range(8):
        Letter.objects.update(not_before=timezone.now())
        letters.send_waiting()
        pauses.append(round((Letter.objects.get().not_before - timezone.now()).total_seconds(), -1))
    assert pauses == [30, 60, 120, 240, 480, 960, 1920, 3600]
    assert Letter.objects.get().attempts == 8


def test_it_is_not_tried_before_its_time(away: None, settings: Settings) -> None:
    letters.write("password_changed", to=BOB.email)
    letters.send_waiting()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    letters.send_waiting()
    assert not outbox.outbox
    Letter.objects.update(not_before=timezone.now())
    letters.send_waiting()
    assert len(outbox.outbox) == 1


def test_it_is_dropped_after_a_day() -> None:
    letters.write("password_changed", to=BOB.email)
    Letter.objects.update(created_at=timezone.now() - timedelta(hours=25))
    letters.send_waiting()
    assert not outbox.outbox
    assert not Letter.objects.exists()


def test_one_that_cannot_be_written_keeps_no_other_back(caplog: pytest.LogCaptureFixture) -> None:
    letters.write("there_is_no_such_event", to=ALICE.email)
    letters.write("password_changed", to=BOB.email)
    letters.send_waiting()
    assert [message.to for message in outbox.outbox] == [[BOB.email]]
    assert Letter.objects.get().event == "there_is_no_such_event"
    assert ALICE.email not in caplog.text


def test_a_retried_letter_carries_the_same_link(away: None, settings: Settings) -> None:
    letters.write(letters.RESET, to=BOB.email)
    for _ in range(2):
        letters.send_waiting()
        Letter.objects.update(not_before=timezone.now())
    assert MailedLink.objects.count() == 1
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    letters.send_waiting()
    assert links.token_of(MailedLink.objects.get()) in outbox.outbox[0].body


@pytest.mark.parametrize("change", [{"used_at": timezone.now()}, {"expires_at": timezone.now()}])
def test_a_letter_whose_link_is_over_is_not_sent(change: dict[str, object]) -> None:
    letters.write(letters.CONFIRM, to="bob@new.test", link=link_of())
    MailedLink.objects.update(**change)
    letters.send_waiting()
    assert not outbox.outbox
    assert not Letter.objects.exists()


def test_nobody_is_asked_to_confirm_an_address_that_somebody_has() -> None:
    letters.write(letters.CONFIRM, to=ALICE.email.upper(), link=link_of(email=ALICE.email.upper()))
    letters.send_waiting()
    assert not outbox.outbox


def test_every_event_has_its_templates_and_none_needs_more_than_it_is_given() -> None:
    events: dict[str, list[dict[str, object]]] = {
        "password_changed": [{}, {"by_link": True}],
        "email_changed": [{"done": True}, {"done": False}],
        "second_factor_changed": [{"change": change} for change in ("on", "off", "codes", "recovery")],
    }
    for event, kinds in events.items():
        for facts in kinds:
            letters.write(event, to=BOB.email, facts=facts)
    letters.write(letters.CONFIRM, to="bob@new.test", link=link_of())
    letters.write(letters.RESET, to=BOB.email)
    letters.send_waiting()
    assert len(outbox.outbox) == 10
    for message in outbox.outbox:
        assert message.subject
        whole = f"{message.subject}\n{message.body}"
        assert "{" not in whole
        assert "!" not in whole
        assert message.message().get_content_type() == "multipart/alternative"


def test_a_link_that_nobody_followed_is_forgotten_with_the_address_that_it_names() -> None:
    """Somebody may have typed a stranger's. So long as its use again would be news, it stays."""
    kept, forgotten = link_of(email="kept@new.test"), link_of(email="forgotten@new.test")
    for link, days in ((kept, 89), (forgotten, 91)):
        MailedLink.objects.filter(pk=link.pk).update(expires_at=timezone.now() - timedelta(days=days))
    letters.send_waiting()
    assert [link.email for link in MailedLink.objects.all()] == ["kept@new.test"]
