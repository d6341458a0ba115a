"""Is a workspace told of its own events only, and only where its own administrators said?"""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from django.core import mail as outbox_of_mails
from django.db import DatabaseError, connections, transaction
from django.test import Client
from standardwebhooks import Webhook

from accounts.models import Membership
from accounts.tenancy.context import workspace
from audit.notices import services
from audit.notices.models import Channel, Kind
from tests import cast, doors
from tests.audit.notices import desk
from tests.cast import ADA, ALICE, BOB, CHARLIE, VERA, Person
from tests.receivers import answers, receiver

LIST = "/trail/notifications/"


def hook_of(person: Person, url: str, *, least: str = "info", actions: tuple[str, ...] = ()) -> services.Added:
    """A webhook of the person's workspace."""
    with cast.acting(person) as tenant:
        return services.add(actor=tenant, name="Hook", kind=Kind.WEBHOOK, address=url, least=least, actions=actions)


def mails_to(person: Person, reader: Person) -> services.Added:
    """Mails to a member."""
    with cast.acting(person) as tenant:
        return services.add(
            actor=tenant,
            name="Mails",
            kind=Kind.EMAIL,
            reader=reader.membership_id,
            reader_shown=reader.email,
            least="info",
            actions=[],
        )


def refused(person: Person, number: int = 0) -> str:
    """A refusal in this person's workspace's trail."""
    return desk.store(desk.spoofed(number, actor=person.tenant))[0]


def test_it_hears_of_its_own_workspace_and_of_no_other() -> None:
    """L7: with a twin of every event next door, and one that belongs to nobody."""
    with receiver() as acmes, receiver() as birchs:
        secret = hook_of(ALICE, acmes.url).secret
        hook_of(CHARLIE, birchs.url)
        desk.decide_and_send()
        acmes.received.clear()
        birchs.received.clear()
        entry, foreign, _ = refused(BOB, 1), refused(CHARLIE, 2), desk.store(desk.spoofed(3))
        desk.decide_and_send()
        [came] = acmes.received
        assert Webhook(secret).verify(came.body, came.headers)["data"]["entry"]["id"] == entry
        assert foreign not in str(desk.bodies(acmes))
        assert [body["data"]["entry"]["id"] for body in desk.bodies(birchs)] == [foreign]
        assert desk.bodies(acmes)[0]["data"]["link"].endswith(f"/trail/{entry}/")


def test_it_hears_only_of_what_was_chosen() -> None:
    with receiver() as chosen, receiver() as severe:
        hook_of(ALICE, chosen.url, actions=("file.deleted",))
        hook_of(ALICE, severe.url, least="critical")
        refused(BOB)
        desk.store(desk.spoofed(5, actor=BOB.tenant, action="file.deleted", severity="notice", outcome="allowed"))
        desk.decide_and_send()
        assert [body["data"]["heading"] for body in desk.bodies(chosen)] == ["Notice: File deleted"]
        assert [body["data"]["heading"] for body in desk.bodies(severe)] == ["Critical: Reserved name sent"]


def test_a_mail_goes_to_who_may_read_the_trail_now() -> None:
    """L13: an administrator who was made a member, suspended or removed hears no more, whatever was set up before."""
    mails_to(ALICE, ADA)
    desk.decide_and_send()
    outbox_of_mails.outbox.clear()
    refused(BOB, 1)
    desk.decide_and_send()
    assert [mail.to for mail in outbox_of_mails.outbox] == [[ADA.email]]
    with cast.acting(ADA):
        Membership.objects.using("owner").filter(pk=ADA.membership_id).update(role="member")
    refused(BOB, 2)
    desk.decide_and_send()
    assert len(outbox_of_mails.outbox) == 1


@pytest.mark.parametrize("reader", [BOB, VERA, CHARLIE])
def test_a_mail_to_somebody_who_may_not_read_the_trail_is_not_set_up(reader: Person) -> None:
    with pytest.raises(services.TooManyChannels):
        mails_to(ALICE, reader)


def form(url: str, **changes: str) -> dict[str, str]:
    """What the page sends."""
    return {"name": "Hook", "kind": "webhook", "address": url, "least": "info", **changes}


def test_an_administrator_adds_a_webhook_tests_it_and_sees_what_became_of_it() -> None:
    with receiver(answers(500)) as hook:
        browser = doors.browser(ADA)
        created = browser.post(f"{LIST}create/", form(hook.url))
        assert created.status_code == 201
        secret = created.context["secret"]
        assert secret in created.content.decode()
        page = f"{LIST}{created.context['channel_id']}/"
        assert browser.post(f"{page}test/").status_code == 302
        desk.decide_and_send()
        assert "channel.test" in desk.types(hook)
        shown = browser.get(page).content.decode()
        assert "It answered with 500." in shown
        assert secret not in shown
        assert hook.url not in shown
        assert browser.get(LIST).status_code == 200
        assert browser.post(f"{page}pause/").status_code == 302
        assert "Paused" in browser.get(page).content.decode()
        assert browser.post(f"{page}resume/").status_code == 302
        assert browser.post(f"{page}remove/").status_code == 302
        assert browser.get(page).status_code == 404
        acts = [
            action for action in desk.actions_in_trail() if action.startswith("channel.") and action != "channel.failed"
        ]
        assert acts == ["channel.created", "channel.tested", "channel.changed", "channel.changed", "channel.removed"]


def test_what_the_trail_says_of_a_new_channel_holds_neither_address_nor_secret() -> None:
    """L44."""
    with receiver() as hook:
        added = hook_of(ALICE, f"{hook.url}/canary-path-4711")
        with connections["ops"].cursor() as cursor:
            cursor.execute(
                "SELECT detail::text, actor_name, workspace_id FROM audit_entry WHERE action = 'channel.created'"
            )
            [(detail, actor, place)] = cursor.fetchall()
        assert "canary" not in detail
        assert added.secret not in detail
        assert json.loads(detail)["to"].startswith("127.0.0.1:")
        assert (actor, place) == ("Alice", cast.ACME.id)


@pytest.mark.parametrize("person", [BOB, VERA], ids=["member", "viewer"])
def test_who_is_no_administrator_sets_up_nothing(person: Person) -> None:
    """L7: setting a target is the administrators' alone, by page and in raw SQL."""
    added = hook_of(ALICE, "https://93.184.216.34/x")
    browser = doors.browser(person)
    for address in (LIST, f"{LIST}new/", f"{LIST}{added.id}/"):
        assert browser.get(address).status_code == 403
    for verb in ("create", f"{added.id}/test", f"{added.id}/pause", f"{added.id}/remove"):
        assert browser.post(f"{LIST}{verb}/", form("https://93.184.216.34/")).status_code == 403
    with workspace(cast.ACME.id, person.membership_id), connections["default"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_channel")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT count(*) FROM fence.channel_results()")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT fence.test_channel(%s)", [added.id])
        assert cursor.fetchone() == (False,)
        for act in ("add", "pause", "remove"):
            with pytest.raises(DatabaseError, match="only owners and administrators"), transaction.atomic():
                cursor.execute("SELECT fence.keep_channel(%s, %s, '{}')", [act, added.id])


def test_a_stranger_can_neither_see_nor_change_it() -> None:
    """L7: Charlie owns a workspace of his own, and got hold of the id."""
    added = hook_of(ALICE, "https://93.184.216.34/x")
    browser = doors.browser(CHARLIE)
    assert browser.get(f"{LIST}{added.id}/").status_code == 404
    for verb in ("test", "pause", "resume", "remove"):
        assert browser.post(f"{LIST}{added.id}/{verb}/").status_code == 404
    with cast.acting(CHARLIE) as tenant, connections["default"].cursor() as cursor:
        assert list(Channel.objects.all()) == []
        for query in ("fence.channel_results()", f"fence.channel_messages('{added.id}')"):
            cursor.execute(f"SELECT count(*) FROM {query}")
            assert cursor.fetchone() == (0,)
        assert not services.pause(actor=tenant, channel=added.id)
        assert not services.remove(actor=tenant, channel=added.id)
        assert not services.test(actor=tenant, channel=added.id)
    with cast.acting(ALICE):
        assert [one.is_paused for one in Channel.objects.all()] == [False]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO audit_channel SELECT * FROM audit_channel",
        "UPDATE audit_channel SET sealed = 'x'",
        "UPDATE audit_channel SET workspace_id = workspace_id",
        "DELETE FROM audit_channel",
        "INSERT INTO audit_operatorchannel SELECT * FROM audit_operatorchannel",
        "SELECT sealed FROM audit_operatorchannel",
        "UPDATE audit_rule SET is_on = false",
        "DELETE FROM audit_unheard",
        "DELETE FROM audit_message",
        "SELECT fence.channels_of('{}', '{}')",
        "SELECT fence.keep_rule('claims:e30=.0000')",
        "SELECT fence.keep_operator_channel('claims:e30=.0000')",
        "SELECT fence.act_on_outbox('claims:e30=.0000')",
    ],
)
def test_injected_sql_silences_no_alarm_and_adds_no_listener(statement: str) -> None:
    """L7: as an owner of a workspace, with whatever SQL."""
    hook_of(ALICE, "https://93.184.216.34/x")
    with cast.acting(ALICE), connections["default"].cursor() as cursor, pytest.raises(DatabaseError):
        cursor.execute(statement)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"address": ""}, "Enter the address"),
        ({"address": "http://93.184.216.34/x"}, "begins with https"),
        ({"address": "https://169.254.169.254/latest"}, "private network"),
        ({"address": "https://[::ffff:10.0.0.1]/"}, "private network"),
        ({"address": "https://127.0.0.1:8000/x"}, "AiAxis itself"),
        ({"address": "javascript:alert(1)"}, "https://"),
        ({"kind": "email"}, "Choose who"),
        ({"name": ""}, "Give the channel a name"),
    ],
)
def test_a_target_that_cannot_be_is_told_beside_its_field(changes: dict[str, str], words: str) -> None:
    answer = doors.browser(ALICE).post(f"{LIST}create/", form("https://93.184.216.34/", **changes))
    assert answer.status_code == 422
    assert words in answer.content.decode()


def test_a_workspace_has_at_most_ten() -> None:
    for _ in range(services.MOST_CHANNELS):
        hook_of(ALICE, "https://93.184.216.34/x")
    with pytest.raises(services.TooManyChannels):
        hook_of(ALICE, "https://93.184.216.34/x")
    assert doors.browser(ALICE).post(f"{LIST}create/", form("https://93.184.216.34/")).status_code == 422


def test_nobody_is_asked_to_sign_in_first() -> None:
    added: UUID = hook_of(ALICE, "https://93.184.216.34/x").id
    for address in (LIST, f"{LIST}{added}/"):
        assert Client().get(address).status_code == 302
