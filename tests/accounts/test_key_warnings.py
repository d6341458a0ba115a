"""Is the owner of a key told a week and a day before its end, once each, and is nobody told of anybody else's?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail as outbox
from django.db import DatabaseError, connection, connections
from django.utils import timezone

from accounts import jobs, recurring
from accounts.models import ApiKey, Membership
from accounts.services import key_warnings, keys, members
from accounts.signals import api_key_ending
from accounts.tenancy import claims
from tests import doors
from tests.accounts.test_letters import waiting
from tests.cast import ALICE, BOB, CHARLIE, Person, acting

pytestmark = pytest.mark.usefixtures("committed")


def ending(person: Person, *, hours: float) -> ApiKey:
    """A key of the person's that was made for ninety days and ends in so many hours."""
    key = doors.key(person, days=90).key
    moment = timezone.now()
    with acting(person):
        ApiKey.objects.filter(pk=key.pk).update(
            created_at=moment - timedelta(days=83), expires_at=moment + timedelta(hours=hours)
        )
    return key


def let_pass(key: ApiKey, person: Person, *, hours: float) -> None:
    """Bring the key's end nearer."""
    with acting(person):
        found = ApiKey.objects.get(pk=key.pk)
        assert found.expires_at is not None
        ApiKey.objects.filter(pk=key.pk).update(expires_at=found.expires_at - timedelta(hours=hours))


def told() -> list[tuple[str, str]]:
    """Let the worker do its round and its jobs; returns to whom mails went since, and about what."""
    outbox.outbox.clear()
    recurring.warn_of_ending_keys()
    for job, name, row in waiting():
        with connections["queue"].cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs WHERE id = %s", [job])
        jobs.run(job, name, row, 0)
    return [(message.to[0], str(message.subject)) for message in outbox.outbox]


def test_it_is_told_a_week_and_a_day_before_and_once_each() -> None:
    key = ending(BOB, hours=7 * 24 + 1)
    assert told() == []
    let_pass(key, BOB, hours=2)
    [(to, subject)] = told()
    assert (to, "“Test” ends on" in subject) == (BOB.email, True)
    [message] = outbox.outbox
    assert f"/keys/{key.pk}/rotate/" in message.body
    assert message.message().as_string().replace("=\n", "").count(f"/keys/{key.pk}/rotate/") == 2
    assert key.prefix in message.body
    assert message.extra_headers["Message-ID"].startswith(f"<key-{key.pk}-7@")
    assert told() == []
    let_pass(key, BOB, hours=6 * 24)
    assert [to for to, _ in told()] == [BOB.email]
    assert told() == []


def test_who_was_not_told_in_time_gets_one_mail_and_not_two() -> None:
    ending(BOB, hours=5)
    assert len(told()) == 1
    assert told() == []


def test_each_hears_of_their_own_keys_only() -> None:
    """Across workspaces: the round belongs to nobody, and each letter to one member."""
    for person in (ALICE, BOB, CHARLIE):
        ending(person, hours=30)
    assert sorted(to for to, _ in told()) == sorted(person.email for person in (ALICE, BOB, CHARLIE))


def test_a_key_that_never_ends_or_was_made_for_days_is_not_told_of() -> None:
    doors.key(BOB, days=None)
    doors.key(BOB, days=3)
    assert told() == []


def test_a_key_that_was_replaced_or_withdrawn_is_not_told_of() -> None:
    """Its owner has just said when it ends."""
    replaced, withdrawn = ending(BOB, hours=200), ending(BOB, hours=20)
    opened = doors.session(BOB)
    with acting(BOB):
        keys.rotate(actor=opened.tenant, key=ApiKey.objects.get(pk=replaced.pk), hours=24, once="y" * 20)
        keys.revoke(actor=opened.tenant, key_id=withdrawn.pk)
    assert told() == []


def test_a_key_that_was_withdrawn_after_the_round_is_not_told_of() -> None:
    key = ending(BOB, hours=20)
    recurring.warn_of_ending_keys()
    assert len(waiting()) == 1
    with acting(BOB):
        keys.revoke(actor=doors.session(BOB).tenant, key_id=key.pk)
    assert told() == []


def test_a_member_who_is_suspended_is_not_told() -> None:
    """L13: neither by the round nor by a letter that was on its way."""
    ending(BOB, hours=20)
    with acting(ALICE):
        members.suspend(actor=ALICE.tenant, member=Membership.objects.get(pk=BOB.membership_id))
    assert told() == []


def test_two_rounds_at_once_hand_in_one_letter() -> None:
    """The mark is made by whoever comes first, in the transaction that hands the letter in."""
    ending(BOB, hours=20)
    [one] = key_warnings._endings()
    assert [key_warnings._warned(one), key_warnings._warned(one)] == [True, False]
    assert len(waiting()) == 1


def test_a_round_that_breaks_off_marks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mark and letter are one: whoever was not told is found by the next round."""
    ending(BOB, hours=20)

    def breaks(**facts: Any) -> None:
        raise RuntimeError("a fault of ours")

    with monkeypatch.context() as patched:
        patched.setattr(api_key_ending, "send", breaks)
        with pytest.raises(RuntimeError):
            key_warnings.warn()
    assert len(told()) == 1


@pytest.mark.parametrize("sealed", ["", "claims:e30=." + "0" * 64, claims.sealed("directory"), None])
def test_injected_sql_learns_of_no_key(sealed: str | None) -> None:
    """Not even its id: the function answers claims that the application sealed for this."""
    ending(BOB, hours=20)
    with acting(CHARLIE), pytest.raises(DatabaseError, match="claims"), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM fence.keys_ending(%s, 10)", [sealed])
