"""Does what nobody used go when its workspace said so, whole, told before, on record, and nothing else with it?"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts import jobs
from accounts.services import workspaces
from audit.models import Entry
from conversations import services as talks
from conversations import signals
from conversations.keeping import queries, services
from conversations.models import Citation, Conversation, KeepingChoice, Message
from files import keeping, storage
from files import services as file_services
from files.models import File, Passage
from tests import doors
from tests.accounts.operating import olga
from tests.aiaxis import parcels
from tests.aiaxis.test_imports import bring
from tests.cast import ACME, ADA, ALICE, BOB, CHARLIE, Person, acting
from tests.factories import Desk, a_full_desk
from tests.files import outages

pytestmark = pytest.mark.usefixtures("committed")

PAGE, CHOOSE = "/kept/", "/kept/choose/"
OLD = timedelta(days=100)


@pytest.fixture(autouse=True)
def home(settings: Settings, tmp_path: Path) -> Path:
    settings.AIAXIS_HOME = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {**settings.STORAGES["default"], "OPTIONS": {"location": tmp_path / "storage"}},
    }
    return tmp_path


def put(person: Person, age: timedelta) -> Desk:
    """One of everything, unused for so long."""
    desk = a_full_desk(person, "workspace")
    with acting(person):
        storage.save(desk.rows["file_id"].storage_key, ContentFile(b"Refunds take ten days..."))
    then = timezone.now() - age
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE files_file SET created_at = %s WHERE id = %s", [then, desk.ids["file_id"]])
        cursor.execute(
            "UPDATE conversations_conversation SET updated_at = %s WHERE id = %s", [then, desk.ids["conversation_id"]]
        )
    return desk


def choose(conversations: int | None, files: int | None, person: Person = ALICE) -> datetime:
    with acting(person) as actor:
        return services.choose(actor=actor, conversations=conversations, files=files)


def a_week_later() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE conversations_keepingchoice SET begins_at = now() - interval '1 second', ran_at = NULL")


def left(desk: Desk) -> set[str]:
    """What of it is still there."""
    kinds: dict[str, Any] = {
        "file_id": File,
        "passage_id": Passage,
        "agent_id": type(desk.rows["agent_id"]),
        "conversation_id": Conversation,
        "message_id": Message,
    }
    with acting(desk.person):
        found = {name for name, kind in kinds.items() if kind.objects.filter(pk=desk.ids[name]).exists()}
        if storage.exists(desk.rows["file_id"].storage_key):
            found.add("bytes")
    return found


EVERYTHING = {"file_id", "passage_id", "agent_id", "conversation_id", "message_id", "bytes"}


def test_what_nobody_used_goes_with_its_bytes_and_passages_and_nothing_else_goes() -> None:
    old, young, theirs = put(BOB, OLD), put(BOB, timedelta(days=80)), put(CHARLIE, OLD)
    choose(90, 90)
    a_week_later()
    assert services.let_go_due() == 1
    assert left(old) == {"agent_id"}
    assert left(young) == left(theirs) == EVERYTHING
    with acting(ALICE):
        told = Entry.objects.get(action="keeping.let_go")
        assert (told.actor_type, told.detail) == ("system", {"conversations": 1, "files": 1, "bytes": 24})
    assert services.let_go_due() == 0, "once a day"


def test_nothing_goes_while_its_bytes_are_out_of_reach(home: Path) -> None:
    """Rows went and bytes stayed, where no row named them any more and nothing removed them."""
    old = put(BOB, OLD)
    choose(90, 90)
    a_week_later()
    with outages.folder_away(home):
        assert services.let_go_due() == 0
    assert left(old) == EVERYTHING
    assert services.let_go_due() == 1
    assert left(old) == {"agent_id"}


def test_bytes_that_are_out_of_reach_at_the_last_moment_are_removed_by_a_job(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = put(BOB, OLD)
    choose(None, 90)
    a_week_later()
    with outages.folder_away(home), monkeypatch.context() as late:
        late.setattr(storage, "is_away", lambda: False)
        assert services.let_go_due() == 1
    assert "file_id" not in left(old)
    with acting(BOB):
        assert storage.exists(old.rows["file_id"].storage_key)
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT id, task_name, args FROM procrastinate_jobs WHERE task_name = 'files.forget_bytes'")
        ((number, name, arguments),) = cursor.fetchall()
    jobs.run(number, name, json.loads(arguments), 0)
    with acting(BOB):
        assert not storage.exists(old.rows["file_id"].storage_key)


def test_a_quote_says_that_its_source_went() -> None:
    desk = put(BOB, OLD)
    choose(None, 90)
    a_week_later()
    services.let_go_due()
    assert left(desk) == EVERYTHING - {"file_id", "passage_id", "bytes"}
    with acting(BOB):
        cited = Citation.objects.get()
        assert (cited.file_id, cited.passage_id, cited.quote) == (None, None, "Refunds take ten days.")


def test_nothing_goes_in_the_week_after_a_change_or_when_it_is_called_off_or_closed() -> None:
    desk = put(BOB, OLD)
    begins = choose(30, 30)
    assert begins - timezone.now() > timedelta(days=6, hours=23)
    services.let_go_due()
    assert left(desk) == EVERYTHING
    choose(None, None)
    a_week_later()
    services.let_go_due()
    assert left(desk) == EVERYTHING
    choose(30, 30)
    a_week_later()
    workspaces.suspend(olga(), workspace_id=ACME.id, reason="An unpaid bill.")
    services.let_go_due()
    workspaces.restore(olga(), workspace_id=ACME.id)
    assert left(desk) == EVERYTHING, "nobody could have objected"
    services.let_go_due()
    assert left(desk) == {"agent_id"}


def last_ran(days: float | None, chosen_days_ago: float) -> None:
    """The choice is in force since then, and the last run was so long ago; None: there was none."""
    ran = None if days is None else timezone.now() - timedelta(days=days)
    with connections["owner"].cursor() as cursor:
        begun = timezone.now() - timedelta(days=chosen_days_ago)
        cursor.execute("UPDATE conversations_keepingchoice SET begins_at = %s, ran_at = %s", [begun, ran])


@pytest.mark.parametrize(("ran", "chosen"), [(40, 60), (None, 40), (3, 3)], ids=["ran", "never ran", "a few days"])
def test_where_nobody_could_come_for_days_the_week_begins_anew(ran: int | None, chosen: int) -> None:
    """A workspace that was reopened in its grace, and an installation that was off, lost everything within ten minutes."""
    desk = put(BOB, OLD)
    choose(30, 30)
    last_ran(ran, chosen)
    for _ in range(2):
        assert services.let_go_due() == 0
    assert left(desk) == EVERYTHING
    with acting(BOB):
        chosen_now = queries.choice()
        assert chosen_now is not None
        assert chosen_now.begins_at - timezone.now() > timedelta(days=6, hours=23)
    assert "1 of your" in doors.browser(BOB).get("/conversations/").content.decode()
    a_week_later()
    assert services.let_go_due() == 1
    assert left(desk) == {"agent_id"}


@pytest.mark.parametrize(("ran", "chosen"), [(1, 60), (1.9, 60), (7, 0), (None, 1)])
def test_no_day_is_lost_where_nobody_was_away(ran: float | None, chosen: float) -> None:
    """Each day, after one that was missed, and after a week in which nothing went since the choice was changed."""
    desk = put(BOB, OLD)
    choose(30, 30)
    last_ran(ran, chosen)
    assert services.let_go_due() == 1
    assert left(desk) == {"agent_id"}


def test_whoever_has_an_answer_given_again_uses_the_conversation() -> None:
    """It went with the next round, from under the answer that was being written."""
    desk = put(BOB, OLD)
    choose(30, 30)
    a_week_later()
    with acting(BOB) as bob:
        conversation = desk.rows["conversation_id"]
        Message.objects.filter(conversation=conversation).delete()
        asked = Message.objects.create(conversation=conversation, position=0, role="user", text="When?", status="done")
        Message.objects.create(conversation=conversation, parent=asked, position=1, role="assistant", status="failed")
        talks.retry(conversation, actor=bob)
    services.let_go_due()
    assert "conversation_id" in left(desk)


def test_what_an_import_brought_stays_for_the_week_in_which_it_is_told() -> None:
    """An owner who had chosen what is kept lost with the next round what they had just brought."""
    choose(30, 30, CHARLIE)
    last_ran(1, 60)
    parcels.made()
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE conversations_conversation SET updated_at = now() - interval '1 year'")
    assert bring(parcels.taken_home(ALICE)).status == "done"
    assert services.let_go_due() == 0
    with acting(CHARLIE):
        assert Conversation.objects.exists()
    assert "1 of your" in doors.browser(CHARLIE).get("/conversations/").content.decode()


def test_whoever_opens_downloads_or_asks_about_a_file_uses_it() -> None:
    opened, taken, old = (put(BOB, OLD) for _ in range(3))
    with acting(ADA) as ada:
        file_services.note_reading(actor=ada, file=opened.rows["file_id"], purpose="preview", count=1)
        file_services.note_download(actor=ada, file=taken.rows["file_id"], partial_content=False)
    with acting(BOB):
        assert [one.pk for one in keeping.unused(timezone.now() - timedelta(days=90))] == [old.rows["file_id"].pk]
    with acting(CHARLIE), connection.cursor() as cursor:
        cursor.execute("SELECT fence.file_used(%s)", [old.rows["file_id"].pk])
    with acting(BOB):
        assert keeping.unused(timezone.now() - timedelta(days=90)).exists(), "a stranger keeps nobody's file alive"


def test_what_cannot_be_recorded_is_not_deleted() -> None:
    desk = put(BOB, OLD)
    choose(90, 90)
    a_week_later()

    def fail(**facts: object) -> None:
        raise RuntimeError

    signals.unused_let_go.connect(fail)
    try:
        assert services.let_go_due() == 0
    finally:
        signals.unused_let_go.disconnect(fail)
    assert left(desk) == EVERYTHING
    assert services.let_go_due() == 1
    assert left(desk) == {"agent_id"}


def test_more_than_a_part_goes_in_several_each_on_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "PART", 1)
    for _ in range(2):
        put(BOB, OLD)
    choose(90, 90)
    a_week_later()
    services.let_go_due()
    with acting(ALICE):
        assert not File.objects.exists()
        told = [one.detail["files"] for one in Entry.objects.filter(action="keeping.let_go").order_by("id")]
        assert told == [1, 1]


def test_only_an_owner_chooses_in_raw_sql_either() -> None:
    for person in (ADA, BOB):
        with pytest.raises(services.Refused, match="role"):
            choose(30, None, person)
        with acting(person), pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT * FROM fence.unused_since(now(), now())")
    choose(30, None)
    for statement in ("UPDATE conversations_keepingchoice SET files = 7", "DELETE FROM conversations_keepingchoice"):
        with acting(ALICE), pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            connection.cursor().execute(statement)
    for days in (1, -5, 100_000):
        with pytest.raises(services.Refused, match="unknown"):
            choose(days, None)
    with acting(CHARLIE):
        assert not KeepingChoice.objects.exists()


def test_an_owner_sees_the_numbers_first_and_then_confirms_with_a_recent_sign_in() -> None:
    put(BOB, OLD)
    put(ALICE, timedelta(days=1))
    browser = doors.browser(ALICE)
    shown = browser.get(PAGE, {"conversation_days": "90", "file_days": ""}).content.decode()
    assert "1, of 1 member" in shown
    with acting(ALICE):
        assert queries.choice() is None, "looking changes nothing"
    wanted = {"conversation_days": "90", "file_days": ""}
    assert browser.post(CHOOSE, wanted)["Location"] == PAGE
    with acting(ALICE):
        told = Entry.objects.get(action="keeping.changed")
        assert told.detail == {"conversations": [None, 90], "files": [None, None]}
    assert browser.post(CHOOSE, {"conversation_days": "8"}).status_code == 422
    assert "It is like this already" in browser.post(CHOOSE, wanted, follow=True).content.decode()
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE accounts_session SET signed_in_at = now() - interval '1 hour'")
    assert browser.post(CHOOSE, {}).headers["Location"].startswith("/sign-in/again/")
    assert doors.browser(ADA).post(CHOOSE, wanted).status_code == 403


def test_everybody_is_warned_of_their_own_and_of_nobody_elses() -> None:
    put(BOB, OLD)
    choose(90, 90)
    for path in ("/conversations/", "/files/"):
        assert "1 of your" in doors.browser(BOB).get(path).content.decode()
        for person in (ALICE, CHARLIE):
            assert not re.search(r"\d of your", doors.browser(person).get(path).content.decode())
    assert "Of yours, by" in doors.browser(BOB).get(PAGE).content.decode()
    assert "Nothing of yours is deleted before" in doors.browser(ADA).get(PAGE).content.decode()
