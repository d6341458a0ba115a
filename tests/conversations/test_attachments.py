"""Does a conversation answer from the files that its owner attached, and from nobody's who keeps them private?"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agents import retrieval
from agents.models import Agent
from audit.models import Entry
from conversations import services as conversations
from conversations.archiving import services as archiving
from conversations.attachments import models, services
from conversations.models import Conversation, ConversationFile, Message
from conversations.sharing import services as sharing
from files import services as files
from files.models import File
from files.refusals import Reason
from tests import doors
from tests.addresses import MISSING
from tests.agents.shelf import agent_of, put
from tests.cast import ALICE, BOB, CHARLIE, VERA, Person, acting
from tests.conversations.stage import OFF_TOPIC, desk, latest, write

pytestmark = pytest.mark.django_db(databases=doors.DOORS)

MUSIC = "Notes on operas\n\nFidelio is the only opera that Ludwig van Beethoven composed. It was first given in Vienna in 1805."
UNREAD = (("broken.txt", File.Status.REFUSED), ("hidden.txt", File.Status.INDEXING))


def begun(person: Person, agent: Agent, *attached: File) -> Conversation:
    """A conversation of this person with these files."""
    with acting(person) as actor:
        conversation = conversations.start(agent, actor=actor)
        services.attach(conversation, actor=actor, files=attached)
        return conversation


def answer_to(person: Person, conversation: Conversation, question: str = OFF_TOPIC) -> Message:
    """Ask, and have the answer written."""
    with acting(person) as actor:
        conversations.ask(conversation, actor=actor, text=question)
        answer = latest(conversation)
    return write(person, answer.pk)


def at(name: str, conversation: Conversation, *more: UUID) -> str:
    return reverse(f"conversations:{name}", args=[conversation.pk, *more])


def api(conversation: Conversation, file_id: object = "") -> str:
    return f"/api/v1/conversations/{conversation.pk}/files{f'/{file_id}' if file_id else ''}"


def page(person: Person, conversation: Conversation, name: str = "detail") -> str:
    return str(doors.browser(person).get(at(name, conversation)).content.decode())


def test_answers_are_found_in_what_is_attached_for_as_long_as_it_is_and_in_that_conversation_alone() -> None:
    agent, music = desk(ALICE), put(ALICE, "operas.txt", MUSIC)
    here, elsewhere = begun(ALICE, agent, music), begun(ALICE, agent)
    answer = answer_to(ALICE, here)
    assert "Ludwig van Beethoven composed" in answer.text
    with acting(ALICE):
        assert answer.citations.order_by("number")[0].file_name == "operas.txt"
        # On record as for any file that an agent reads (L36).
        assert Entry.objects.filter(action="file.read", target_id=str(music.pk)).count() == 1
    # What the agent has is still found there.
    assert "within 30 days" in answer_to(ALICE, here, "How many days do I have to return an article?").text
    assert "Beethoven" not in answer_to(ALICE, elsewhere).text
    assert doors.browser(ALICE).post(at("detach", here, music.pk)).headers["Location"] == at("detail", here)
    assert "Beethoven" not in answer_to(ALICE, here).text
    with acting(ALICE):
        told = Entry.objects.filter(action="conversation.files_changed", target_id=str(here.pk)).order_by("id")
        assert [entry.detail for entry in told] == [
            {"attached": [str(music.pk)], "detached": []},
            {"attached": [], "detached": [str(music.pk)]},
        ]


def test_a_question_waits_until_what_is_attached_is_read_and_is_not_lost() -> None:
    """An answer without it would not say so. What cannot be read, and what is not shared any more, keeps nobody waiting."""
    music, notes = (put(ALICE, name, MUSIC, status=File.Status.EXTRACTING) for name in ("operas.txt", "notes.txt"))
    lost, hidden = (put(BOB, name, MUSIC, visibility="workspace", status=status) for name, status in UNREAD)
    conversation = begun(ALICE, desk(ALICE), music, lost, hidden, notes)
    with acting(BOB):
        File.objects.filter(pk=hidden.pk).update(visibility="private")
    alice, program, asked = doors.browser(ALICE), doors.program(ALICE), {"text": OFF_TOPIC}
    assert "You can ask as soon as these files are read." in page(ALICE, conversation)
    refused = alice.post(at("ask", conversation), asked)
    assert refused.status_code == 409
    assert "“operas.txt” and 1 more are still being read." in refused.content.decode()
    assert f">{OFF_TOPIC}</textarea>" in refused.content.decode()
    address = f"/api/v1/conversations/{conversation.pk}/messages"
    told = program.post(address, asked, content_type="application/json")
    assert (told.status_code, "still being read" in told.json()["detail"]) == (409, True)
    with acting(ALICE):
        assert not Message.objects.exists()
        File.objects.filter(pk__in=[music.pk, notes.pk]).update(status=File.Status.READY)
    assert "as soon as" not in page(ALICE, conversation)
    assert alice.post(at("ask", conversation), asked).status_code == 302
    with acting(ALICE):
        answer = latest(conversation)
    assert "Ludwig van Beethoven composed" in write(ALICE, answer.pk).text


def test_a_file_says_before_it_is_deleted_in_how_many_conversations_it_is_attached() -> None:
    """In one's own: neither how many of colleagues', nor those that go by themselves."""
    music, agent = put(ALICE, "operas.txt", MUSIC, visibility="workspace"), agent_of(BOB)
    begun(BOB, agent, music)
    alice, shown = doors.browser(ALICE), reverse("files:detail", args=[music.pk])
    assert "attached to" not in alice.get(shown).content.decode()
    mine = agent_of(ALICE, music)
    begun(ALICE, mine, music)
    with acting(ALICE) as actor:
        passing = conversations.start(mine, actor=actor, is_temporary=True)
        services.attach(passing, actor=actor, files=[music])
    told = "1 agent uses it, and it is attached to 1 of your conversations."
    assert told in alice.get(shown).content.decode()
    other = put(ALICE, "other.txt", MUSIC)
    chosen = alice.post(reverse("files:chosen"), {"file": [str(music.pk), str(other.pk)]}).content.decode()
    assert "1 agent uses some of them, and some of them are attached to 1 of your conversations." in chosen


@pytest.mark.parametrize("victim", [ALICE, CHARLIE], ids=["a colleague's private one", "another workspace's"])
def test_nobody_attaches_a_file_that_they_may_not_see(victim: Person) -> None:
    """L1, L6: at every door, in raw SQL too, and it is not read where the row were there all the same."""
    secret = put(victim, "secret.txt", MUSIC)
    conversation = begun(BOB, agent_of(BOB))
    browser, program = doors.browser(BOB), doors.program(BOB)
    for wanted in (str(secret.pk), MISSING):
        assert browser.post(at("attach", conversation), {"file": [wanted]}).status_code == 404
        refused = program.post(api(conversation), {"file_id": wanted}, content_type="application/json")
        assert refused.status_code == 404
    assert "secret.txt" not in page(BOB, conversation, "files")
    with acting(BOB) as bob:
        with pytest.raises(DatabaseError), transaction.atomic():
            ConversationFile(conversation=conversation, file=secret, file_name="x").save(force_insert=True)
        assert not ConversationFile.objects.exists()
        found = retrieval.find(conversation.agent, OFF_TOPIC, actor=bob, brought=[secret.pk])
        assert found.passages == ()


def test_whoever_reads_a_shared_conversation_sees_no_name_of_what_is_attached_and_attaches_nothing() -> None:
    """L20: shared is to be read, and the names of the owner's private files are no part of it."""
    secret, own = put(ALICE, "dismissals.txt", MUSIC), put(BOB, "mine.txt", MUSIC)
    conversation = begun(ALICE, desk(ALICE, visibility="workspace"), secret)
    answer_to(ALICE, conversation)
    with acting(ALICE) as alice:
        sharing.share(conversation, actor=alice, visibility="workspace")
    browser, program = doors.browser(BOB), doors.program(BOB)
    shown = browser.get(at("detail", conversation))
    assert shown.status_code == 200
    assert "dismissals.txt" not in shown.content.decode()
    for refused in (
        browser.get(at("files", conversation)),
        browser.get(at("attached", conversation)),
        browser.post(at("attach", conversation), {"file": [str(own.pk)]}),
        browser.post(at("detach", conversation, secret.pk)),
        program.get(api(conversation)),
        program.post(api(conversation), {"file_id": own.pk}, content_type="application/json"),
    ):
        assert refused.status_code == 403
    with acting(BOB):
        assert not ConversationFile.objects.exists()
        with pytest.raises(DatabaseError), transaction.atomic():
            ConversationFile(conversation=conversation, file=own, file_name="x").save(force_insert=True)


@pytest.mark.parametrize("thief", [BOB, CHARLIE], ids=lambda person: person.name)
def test_nobody_reads_or_changes_what_is_attached_to_anothers_conversation(thief: Person) -> None:
    """L16, L17: neither its names, nor with a file of one's own, nor in raw SQL."""
    music, own = put(ALICE, "operas.txt", MUSIC), put(thief, "mine.txt", MUSIC)
    conversation = begun(ALICE, desk(ALICE), music)
    browser, program = doors.browser(thief), doors.program(thief)
    for name in ("files", "attached"):
        assert browser.get(at(name, conversation)).status_code == 404
    assert browser.post(at("attach", conversation), {"file": [str(own.pk)]}).status_code == 404
    assert browser.post(at("upload", conversation), {"file": SimpleUploadedFile("a.txt", b"Words.")}).status_code == 404
    assert browser.post(at("detach", conversation, music.pk)).status_code == 404
    assert program.get(api(conversation)).status_code == 404
    assert program.post(api(conversation), {"file_id": own.pk}, content_type="application/json").status_code == 404
    assert program.delete(api(conversation, music.pk)).status_code == 404
    with acting(thief), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM conversations_conversationfile")
        assert cursor.fetchone() == (0,)
        cursor.execute("DELETE FROM conversations_conversationfile")
        for owner_id in (thief.membership_id, ALICE.membership_id):
            claimed = ConversationFile(conversation_id=conversation.pk, owner_id=owner_id, file=own, file_name="x")
            with pytest.raises(DatabaseError), transaction.atomic():
                claimed.save(force_insert=True)
        assert not File.objects.filter(name="a.txt").exists()
    with acting(ALICE):
        assert ConversationFile.objects.get().file_id == music.pk


def test_what_is_hidden_or_deleted_later_answers_no_more_and_is_said_to() -> None:
    """L1: asked at the reading as well as at the writing. What an answer quoted stays, with its source deleted."""
    music = put(ALICE, "operas.txt", MUSIC, visibility="workspace")
    conversation = begun(BOB, agent_of(BOB), music)
    before = answer_to(BOB, conversation)
    with acting(ALICE) as alice:
        files.share(actor=alice, file=music, visibility="private")
    assert "Beethoven" not in answer_to(BOB, conversation).text
    assert "Not shared any more" in page(BOB, conversation)
    [told] = doors.program(BOB).get(api(conversation)).json()["items"]
    assert (told["status"], told["name"], told["refusal"]) == ("hidden", "operas.txt", "")
    with acting(ALICE) as alice:
        files.delete(actor=alice, file=music)
    [told] = doors.program(BOB).get(api(conversation)).json()["items"]
    assert (told["status"], told["file_id"]) == ("deleted", None)
    assert "has been deleted since" in page(BOB, conversation, "files")
    shown = page(BOB, conversation)
    assert "Attached files" not in shown
    assert "This source was deleted" in shown
    with acting(BOB):
        assert Message.objects.get(pk=before.pk).text == before.text


def test_a_file_is_uploaded_where_it_is_needed_and_is_as_private_as_any() -> None:
    conversation, browser = begun(BOB, agent_of(BOB)), doors.browser(BOB)
    sent = {"file": SimpleUploadedFile("operas.txt", MUSIC.encode())}
    told = browser.post(at("upload", conversation), sent, headers={"Accept": "application/json"})
    assert (told.status_code, told.json()["files"][0]["is_new"]) == (201, True)
    with acting(BOB):
        [file] = File.objects.all()
        assert (file.visibility, file.status) == ("private", "received")
    shown = page(BOB, conversation)
    assert "operas.txt" in shown
    assert f'<live-part src="{at("attached", conversation)}"' in shown
    with acting(BOB) as bob:
        files.refuse(actor=bob, file_id=file.pk, reason=Reason.LOST, sentence="It is damaged.")
    fragment = page(BOB, conversation, "attached")
    assert "It is damaged." in fragment
    assert "<live-part" not in fragment
    # The same bytes again, by a plain form: nothing new, and no error.
    with acting(BOB):
        File.objects.filter(pk=file.pk).update(status="ready")
    again = {"file": SimpleUploadedFile("again.txt", MUSIC.encode()), "visibility": "workspace"}
    assert browser.post(at("upload", conversation), again).headers["Location"] == at("detail", conversation)
    with acting(BOB):
        assert File.objects.get().name == "operas.txt"
        assert ConversationFile.objects.get().file_id == file.pk


def test_an_upload_that_is_refused_says_why_to_scripts_and_people_and_the_others_come_in() -> None:
    conversation, browser = begun(BOB, agent_of(BOB)), doors.browser(BOB)
    two = {"file": [SimpleUploadedFile("a.svg", b"<svg/>"), SimpleUploadedFile("a.txt", b"Words.")]}
    told = browser.post(at("upload", conversation), two)
    assert told.status_code == 415
    assert "1 of 2 files were taken. “a.svg”: " in told.content.decode()
    alone = {"file": SimpleUploadedFile("a.svg", b"<svg/>")}
    script = browser.post(at("upload", conversation), alone, headers={"Accept": "application/json"})
    assert (script.status_code, "type of file" in script.json()["detail"]) == (415, True)
    assert browser.post(at("upload", conversation)).status_code == 422
    with acting(BOB):
        assert [row.file_name for row in ConversationFile.objects.all()] == ["a.txt"]


def test_a_conversation_holds_so_many_and_an_archived_one_takes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST_ATTACHED", 2)
    shelf = [put(BOB, f"{number}.txt", "Words.") for number in range(3)]
    conversation, program = begun(BOB, agent_of(BOB), *shelf[:2]), doors.program(BOB)
    refused = program.post(api(conversation), {"file_id": shelf[2].pk}, content_type="application/json")
    assert (refused.status_code, "Up to 2 files" in refused.json()["detail"]) == (409, True)
    # Asked before anything is stored.
    full = doors.browser(BOB).post(at("upload", conversation), {"file": SimpleUploadedFile("a.txt", b"New words.")})
    assert full.status_code == 409
    with acting(BOB) as bob:
        assert not File.objects.filter(name="a.txt").exists()
        archiving.archive(conversation, actor=bob)
        with pytest.raises(conversations.ConversationArchived):
            services.attach(conversation, actor=bob, files=shelf[:1])
    answered = doors.browser(BOB).post(at("attach", conversation), {"file": [str(shelf[0].pk)]}, follow=True)
    assert "archived" in answered.content.decode()
    assert doors.browser(BOB).post(at("attach", conversation), {"file": []}).status_code == 302
    assert models.MOST_ATTACHED == 20


def test_a_program_attaches_lists_and_removes() -> None:
    music = put(ALICE, "operas.txt", MUSIC, visibility="workspace")
    conversation, program = begun(BOB, agent_of(BOB)), doors.program(BOB)
    body: dict[str, Any] = {"file_id": str(music.pk)}
    first, second = (program.post(api(conversation), body, content_type="application/json") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    made = first.json()
    assert (made["file_id"], made["name"], made["status"]) == (str(music.pk), "operas.txt", "ready")
    assert program.get(api(conversation)).json() == {"items": [made], "next": None}
    assert program.delete(api(conversation, music.pk)).status_code == 204
    assert program.delete(api(conversation, music.pk)).status_code == 404
    assert program.get(api(conversation)).json()["items"] == []


def test_a_viewer_sees_what_is_attached_and_changes_nothing() -> None:
    music = put(VERA, "operas.txt", MUSIC)
    conversation = begun(VERA, agent_of(VERA), music)
    browser = doors.browser(VERA)
    shown = page(VERA, conversation, "files")
    assert "operas.txt" in shown
    assert "Remove operas.txt" not in shown
    for name, more in (("attach", ()), ("upload", ()), ("detach", (music.pk,))):
        assert browser.post(at(name, conversation, *more)).status_code == 403


def test_an_export_names_what_was_attached() -> None:
    music = put(ALICE, "operas [draft].txt", MUSIC)
    conversation = begun(ALICE, desk(ALICE), music, put(ALICE, "gone.txt", "Words."))
    with acting(ALICE) as alice:
        files.delete(actor=alice, file=File.objects.get(name="gone.txt"))
    browser = doors.browser(ALICE)
    text = browser.get(at("export", conversation)).content.decode()
    assert r"Attached: operas \[draft\]\.txt, gone\.txt (deleted since)." in text
    data = json.loads(browser.get(at("export", conversation), {"format": "json"}).content)
    assert [(one["file_id"], one["name"]) for one in data["attachments"]] == [
        (str(music.pk), "operas [draft].txt"),
        (None, "gone.txt"),
    ]


def test_more_files_are_no_more_questions_to_the_database() -> None:
    """The candidates come in one statement under the fence, whatever is attached; and the page asks once for all of it."""
    agent, shelf = desk(ALICE), [put(ALICE, f"{number}.txt", f"Words {number}.") for number in range(6)]
    few, many = begun(ALICE, agent, shelf[0]), begun(ALICE, agent, *shelf)
    asked, shown = [], []
    for conversation in (few, many):
        with acting(ALICE) as alice, CaptureQueriesContext(connection) as found:
            brought = [row.file_id for row in ConversationFile.objects.filter(conversation=conversation)]
            retrieval.find(agent, OFF_TOPIC, actor=alice, brought=brought)
        asked.append(sum("files_embedding" in query["sql"] for query in found))
        browser = doors.browser(ALICE)
        with CaptureQueriesContext(connection) as found:
            browser.get(at("detail", conversation))
        shown.append(len(found))
    assert asked[0] == asked[1] == 1
    assert shown[0] == shown[1]
