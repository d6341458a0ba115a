"""Can a conversation be shared to be read, and nothing else, and does it tell nobody what a file that they cannot open says?"""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse

from agents import services as agents
from agents.models import Agent
from audit.models import Entry
from conversations.models import Conversation, ConversationShare, Message
from conversations.sharing import services as sharing
from files.models import File
from tests import doors
from tests.cast import ADA, ALICE, BOB, CHARLIE, VERA, Person, acting
from tests.conversations.stage import QUESTION, answered, desk

pytestmark = pytest.mark.django_db(databases=doors.DOORS)
CONVERSATIONS = "/api/v1/conversations"
WORDS = "within 30 days of its arrival"
HIDDEN = "This answer comes from a source that you cannot open"


def talk(visibility: str = "named", *people: Person, file: str = "workspace", owner: Person = ALICE) -> Conversation:
    """A conversation of the owner's with one answer from a file of this visibility, shared so."""
    conversation, _ = answered(owner, desk(owner, file_visibility=file))
    with acting(owner) as actor:
        ids = [person.membership_id for person in people]
        sharing.share(conversation, actor=actor, visibility=visibility, people=ids)
    return conversation


def page(person: Person, conversation: Conversation, name: str = "detail", *more: UUID, **query: str) -> Any:
    return doors.browser(person).get(reverse(f"conversations:{name}", args=[conversation.pk, *more]), query)


def entries(action: str) -> list[Any]:
    with acting(ALICE):
        return list(Entry.objects.filter(action=action).order_by("id").values_list("actor_id", "detail"))


def answer_of(conversation: Conversation) -> Message:
    with acting(ALICE):
        found: Message = Message.objects.get(conversation=conversation, role="assistant")
        return found


def test_those_who_were_chosen_read_it_and_nobody_else_finds_it() -> None:
    conversation = talk("named", BOB)
    shown = page(BOB, conversation).content.decode()
    assert QUESTION in shown
    assert WORDS in shown
    assert "policy.txt" in shown
    assert "Alice shares this conversation with you." in shown
    assert "<form" not in shown.partition('class="talk"')[2], "nothing to ask, rate, rename or delete with"
    # An owner or admin of the workspace is a colleague like any other here.
    for thief in (ADA, VERA, CHARLIE):
        assert page(thief, conversation).status_code == 404
        with acting(thief), connection.cursor() as cursor:
            for table in ("conversation", "message", "citation", "delta", "conversationshare"):
                cursor.execute(f"SELECT count(*) FROM conversations_{table}")
                assert cursor.fetchone() == (0,), table


WRITES: tuple[tuple[str, dict[str, str]], ...] = (
    ("ask", {"text": "And pans?"}),
    ("rename", {"title": "Taken"}),
    ("archive", {}),
    ("restore", {}),
    ("delete", {}),
    ("share", {"visibility": "workspace"}),
)
WRITES_TO_A_MESSAGE = ("stop", "retry", "edit", "choose", "rate", "withdraw")
STATEMENTS = (
    (
        "INSERT INTO conversations_message (id, workspace_id, owner_id, conversation_id, position, preference, role, text, html, status, "
        "error, created_at, sources) VALUES (gen_random_uuid(), %(place)s, %(of)s, %(talk)s, 99, 0, 'user', 'x', '', 'done', '', now(), '{}') "
        "RETURNING id"
    ),
    "UPDATE conversations_message SET text = 'x', owner_id = %(of)s WHERE conversation_id = %(talk)s RETURNING id",
    "DELETE FROM conversations_message WHERE conversation_id = %(talk)s RETURNING id",
    (
        "INSERT INTO conversations_delta (id, workspace_id, owner_id, message_id, seq, kind, data) "
        "VALUES (gen_random_uuid(), %(place)s, %(of)s, %(answer)s, 99, 'text', '{}') RETURNING id"
    ),
    (
        'INSERT INTO conversations_citation (id, workspace_id, owner_id, message_id, number, kind, file_name, label, quote, start, "end") '
        "VALUES (gen_random_uuid(), %(place)s, %(of)s, %(answer)s, 99, 'source', 'x', '', 'x', 0, 1) RETURNING id"
    ),
    "DELETE FROM conversations_citation WHERE message_id = %(answer)s RETURNING id",
    (
        "INSERT INTO conversations_completion (id, workspace_id, owner_id, conversation_id, instructions, max_tokens, stop, failure, is_cut, "
        "tokens_read, tokens_written) VALUES (gen_random_uuid(), %(place)s, %(of)s, %(talk)s, '', 9, '{}', '', false, 0, 0) "
        "RETURNING id"
    ),
    (
        "INSERT INTO conversations_feedback (id, workspace_id, owner_id, message_id, agent_id, is_helpful, comment, "
        "is_passed_on, updated_at) VALUES (gen_random_uuid(), %(place)s, %(me)s, %(answer)s, %(agent)s, true, '', false, now()) RETURNING id"
    ),
    "UPDATE conversations_conversation SET title = 'x', visibility = 'private' WHERE id = %(talk)s RETURNING id",
    "DELETE FROM conversations_conversation WHERE id = %(talk)s RETURNING id",
    (
        "INSERT INTO conversations_conversationshare (id, workspace_id, owner_id, conversation_id, member_id, created_at) "
        "VALUES (gen_random_uuid(), %(place)s, %(me)s, %(talk)s, %(me)s, now()) RETURNING id"
    ),
)


@pytest.mark.parametrize("reader", [BOB, VERA], ids=lambda person: person.name)
def test_whoever_reads_it_does_nothing_else_in_it(reader: Person) -> None:
    """L20, L16, L17: a share branch granted any operation. Programs have tests/test_matrix.py."""
    conversation = talk("workspace")
    answer, client = answer_of(conversation), doors.browser(reader)
    told = [client.post(reverse(f"conversations:{name}", args=[conversation.pk]), form) for name, form in WRITES]
    for name in WRITES_TO_A_MESSAGE:
        form = {"text": "And pans?", "helpful": "yes"}
        told.append(client.post(reverse(f"conversations:{name}", args=[conversation.pk, answer.pk]), form))
    told += [client.get(reverse("conversations:export", args=[conversation.pk]))]
    assert {one.status_code for one in told} == {403}


@pytest.mark.parametrize("reader", [BOB, VERA], ids=lambda person: person.name)
def test_nor_in_raw_sql(reader: Person) -> None:
    """L20: the same words work for the conversation's owner, so it is the policies that refuse them to others, and the foreign keys
    where the row says that it is its writer's own.
    """
    conversation = talk("workspace")
    ids = {"place": conversation.workspace_id, "talk": conversation.pk, "agent": conversation.agent_id}
    ids["answer"] = answer_of(conversation).pk
    for statement in STATEMENTS:
        for person, of in ((reader, reader), (reader, ALICE), (ALICE, ALICE)):
            found = changed(person, statement, {**ids, "me": person.membership_id, "of": of.membership_id})
            assert bool(found) == (person is ALICE), (person.name, of.name, statement)


def changed(person: Person, statement: str, ids: dict[str, Any]) -> list[Any]:
    """What of it the database did for this person, and undid; nothing where it refused."""
    try:
        with acting(person), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, ids)
            found = list(cursor.fetchall())
            transaction.set_rollback(True)
            return found
    except DatabaseError as refusal:
        # By a policy or a right, or by the key that holds a row to the conversation's owner.
        if getattr(refusal.__cause__, "sqlstate", "") not in ("42501", "23503"):
            raise
        return []


def test_an_answer_from_a_file_that_the_reader_cannot_open_is_not_shown() -> None:
    """L4, L6: neither the file's name nor a word of it, on the page, in the API or in raw SQL; what was asked after it stays."""
    conversation = talk("workspace", file="private")
    answer = answer_of(conversation)
    with acting(ALICE):
        later = Message.objects.create(
            conversation=conversation, parent=answer, position=9, role="user", text="Thanks", status="done"
        )
    for shown in (
        page(BOB, conversation),
        page(BOB, conversation, at=str(answer.pk)),
        page(BOB, conversation, "turn", answer.pk),
    ):
        told = shown.content.decode()
        assert shown.status_code == 200
        assert HIDDEN in told
        assert WORDS not in told
        assert "policy.txt" not in told
    assert "Thanks" in page(BOB, conversation).content.decode()
    program = doors.program(BOB)
    listed = program.get(f"{CONVERSATIONS}/{conversation.pk}/messages").json()["items"]
    assert [one["id"] for one in listed] == [str(later.pk), str(answer.parent_id)]
    streamed = b"".join(program.get(f"{CONVERSATIONS}/{conversation.pk}/stream"))
    assert WORDS.encode() not in streamed
    with acting(BOB), connection.cursor() as cursor:
        cursor.execute(
            "SELECT m::text, c::text FROM conversations_message m FULL JOIN conversations_citation c ON c.message_id = m.id"
        )
        assert WORDS not in str(cursor.fetchall())
        cursor.execute("SELECT count(*) FROM conversations_message")
        assert cursor.fetchone() == (2,)
    assert WORDS in page(ALICE, conversation).content.decode(), "its owner reads on"


def test_what_becomes_of_a_file_becomes_of_the_answers_from_it() -> None:
    """A file that is shared, hidden again and deleted: each reader's policy is asked anew, and what is gone is nobody's."""
    conversation = talk("workspace", file="private")

    def is_shown() -> bool:
        shown = page(BOB, conversation).content.decode()
        assert (WORDS in shown) != (HIDDEN in shown)
        return WORDS in shown

    found = []
    with acting(ALICE):
        files = File.objects.filter(name="policy.txt")
    for visibility in ("private", "workspace", "private", "workspace"):
        with acting(ALICE):
            files.update(visibility=visibility)
        found.append(is_shown())
    with acting(ALICE):
        files.delete()
    assert [*found, is_shown()] == [False, True, False, True, False]


def test_its_owner_is_told_what_it_quotes_and_shares_it_on_a_page() -> None:
    conversation, _ = answered(ALICE, desk(ALICE))
    alice, address = doors.browser(ALICE), reverse("conversations:share", args=[conversation.pk])
    shown = alice.get(address).content.decode()
    assert "policy.txt" in shown
    assert "Not everyone can open it. Answers from it are shown to those who can." in shown
    assert BOB.email in shown
    assert CHARLIE.email not in shown
    refused = alice.post(address, {"visibility": "named"})
    assert refused.status_code == 422
    assert "Choose at least one person" in refused.content.decode()
    chosen = {"visibility": "named", "people": [str(BOB.membership_id), str(VERA.membership_id)]}
    told = alice.post(address, chosen, follow=True).content.decode()
    assert "You and 2 people can read this conversation now." in told
    assert "Bob and 1 more" in told
    for stranger in (CHARLIE.membership_id, uuid4()):
        assert alice.post(address, {"visibility": "named", "people": [str(stranger)]}).status_code == 404, "L1"
    alice.post(address, {"visibility": "private"})
    assert page(BOB, conversation).status_code == 404
    assert [detail["visibility"] for _, detail in entries("conversation.visibility_changed")] == ["named", "private"]
    [given, taken] = [detail for _, detail in entries("conversation.people_changed")]
    assert set(given["added"]) == set(taken["removed"]) == {str(BOB.membership_id), str(VERA.membership_id)}


def test_a_colleagues_reading_is_on_record_and_its_owners_is_not() -> None:
    """L36, L37: by whichever of the five ways its words are given out, the stream of an answer that is long complete among them."""
    conversation = talk("named", BOB)
    answer = answer_of(conversation)
    for reader, number in ((ALICE, 0), (BOB, 5)):
        program = doors.program(reader)
        given = [
            page(reader, conversation),
            page(reader, conversation, "turn", answer.pk),
            page(reader, conversation, "stream"),
            program.get(f"{CONVERSATIONS}/{conversation.pk}/messages"),
            program.get(f"{CONVERSATIONS}/{conversation.pk}/stream"),
        ]
        for told in given:
            assert WORDS.encode() in (b"".join(told) if told.streaming else told.content)
        assert [actor for actor, _ in entries("conversation.shown")] == [reader.membership_id] * number


def test_it_stands_where_the_reader_finds_it_and_in_no_list_of_their_own() -> None:
    conversation = talk("workspace")
    bob, program = doors.browser(BOB), doors.program(BOB)
    address, title = f"/conversations/{conversation.pk}/", "How many days"
    for path in ("/conversations/", "/conversations/?show=archived", "/conversations/search/?q=article"):
        assert address not in bob.get(path).content.decode(), path
    found = bob.get("/conversations/shared/").content.decode()
    assert address in found
    assert "Alice" in found
    assert address in bob.get("/conversations/shared/", {"q": title}).content.decode()
    assert "No conversation matches" in bob.get("/conversations/shared/", {"q": "zebra"}).content.decode()
    assert program.get(CONVERSATIONS).json()["items"] == []
    assert program.get(f"{CONVERSATIONS}/search", {"q": "article"}).json()["items"] == []
    [one] = program.get(CONVERSATIONS, {"shared": "true"}).json()["items"]
    assert (one["id"], one["shared_by"]) == (str(conversation.pk), ALICE.email)
    # The agent is Alice's alone: neither its name nor its id is told.
    assert one["agent_id"] is None
    assert "An agent that you cannot see" in bob.get(address).content.decode()
    assert "Nothing is shared with you" in doors.browser(ALICE).get("/conversations/shared/").content.decode()


def patched(client: Client, conversation: Conversation, **body: Any) -> Any:
    return client.patch(f"{CONVERSATIONS}/{conversation.pk}", body, content_type="application/json")


def test_a_program_shares_with_addresses_and_takes_it_back() -> None:
    conversation, _ = answered(ALICE, desk(ALICE, file_visibility="workspace"))
    alice, bob = doors.program(ALICE), doors.program(BOB)
    assert bob.get(f"{CONVERSATIONS}/{conversation.pk}").status_code == 404
    shared = patched(alice, conversation, visibility="named", shared_with=[BOB.email.upper(), VERA.email])
    assert shared.json()["shared_with"] == sorted([BOB.email, VERA.email])
    seen = bob.get(f"{CONVERSATIONS}/{conversation.pk}").json()
    assert (seen["shared_with"], seen["shared_by"]) == ([BOB.email], ALICE.email)
    assert len(bob.get(f"{CONVERSATIONS}/{conversation.pk}/messages").json()["items"]) == 2
    assert patched(bob, conversation, title="Taken").status_code == 403
    assert patched(alice, conversation, visibility="workspace", shared_with=[BOB.email]).status_code == 422
    for address in (CHARLIE.email, "nobody@acme.test"):
        assert patched(alice, conversation, visibility="named", shared_with=[address]).status_code == 404
    assert patched(alice, conversation, title="Refunds").json()["visibility"] == "named"
    assert patched(alice, conversation, visibility="private").json()["shared_with"] == []
    assert bob.get(f"{CONVERSATIONS}/{conversation.pk}").status_code == 404


@pytest.mark.parametrize("thief", [BOB, CHARLIE], ids=lambda person: person.name)
def test_nobody_shares_what_is_not_theirs_or_learns_of_it_in_raw_sql_either(thief: Person) -> None:
    """L1, L20: neither as oneself nor in the owner's name; what is not mine looks like what never was; and no place of an answer."""
    secret, told = talk("private"), set()
    for key, owner in ((secret.pk, thief), (uuid4(), thief), (secret.pk, ALICE)):
        with acting(thief), pytest.raises(DatabaseError) as refused, transaction.atomic():
            ConversationShare.objects.create(
                conversation_id=key, owner_id=owner.membership_id, member_id=thief.membership_id
            )
        told.add(str(refused.value).splitlines()[0])
    assert len(told) == 2, "the key is broken alike for both ids, and the policy refuses the third"
    places = "SELECT answer FROM fence.unseen_answers(%(talk)s)"
    assert changed(thief, places, {"talk": secret.pk}) == []
    with acting(ALICE) as alice:
        sharing.share(secret, actor=alice, visibility="named", people=[VERA.membership_id])
    assert changed(thief, places, {"talk": secret.pk}) == []
    assert len(changed(VERA, places, {"talk": secret.pk})) == 1


def test_it_ends_with_whoever_leaves() -> None:
    """What they shared, which nobody could take back, and what was shared with them."""
    theirs = talk("workspace", owner=BOB)
    hers = talk("named", BOB, VERA)
    assert page(VERA, theirs).status_code == 200
    doors.browser(ADA).post(f"/people/{BOB.membership_id}/remove/")
    assert page(VERA, theirs).status_code == 404
    with acting(ALICE):
        assert list(ConversationShare.objects.values_list("member_id", flat=True)) == [VERA.membership_id]
    with acting(BOB):
        assert not Conversation.objects.filter(pk=hers.pk).exists()
        assert Conversation.objects.get(pk=theirs.pk).visibility == "private"
    assert (ADA.membership_id, {"visibility": "private"}) in entries("conversation.visibility_changed")
    with acting(ALICE), pytest.raises(DatabaseError), transaction.atomic():
        ConversationShare.objects.create(conversation=hers, owner_id=ALICE.membership_id, member_id=BOB.membership_id)


def test_what_a_suspended_member_shares_is_read_by_nobody_until_they_are_restored() -> None:
    """L20, as people, programs and raw SQL ask; what colleagues work with, an agent and a file, stays."""
    everybodys, named = talk("workspace", owner=BOB), talk("named", VERA, owner=BOB)
    with acting(BOB):
        file_id = File.objects.filter(visibility="workspace").values_list("pk", flat=True)[0]
    for conversation in (everybodys, named):
        assert page(VERA, conversation).status_code == 200
    ada = doors.browser(ADA)
    ada.post(f"/people/{BOB.membership_id}/suspend/")
    vera, program = doors.browser(VERA), doors.program(VERA, ["conversations:read"])
    for conversation in (everybodys, named):
        assert page(VERA, conversation).status_code == 404
        assert program.get(f"{CONVERSATIONS}/{conversation.pk}").status_code == 404
        assert str(conversation.pk) not in vera.get("/conversations/shared/").content.decode()
        with acting(VERA), connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM conversations_message WHERE conversation_id = %s", [conversation.pk])
            assert cursor.fetchone() == (0,)
            cursor.execute("SELECT count(*) FROM fence.unseen_answers(%s)", [conversation.pk])
            assert cursor.fetchone() == (0,)
    assert vera.get(f"/files/{file_id}/").status_code == 200
    ada.post(f"/people/{BOB.membership_id}/restore/")
    for conversation in (everybodys, named):
        assert page(VERA, conversation).status_code == 200


def test_who_has_become_a_viewer_takes_back_what_they_shared_and_nothing_else() -> None:
    """Their own conversation, agent and file; and a viewer takes back nothing of a colleague's (L20)."""
    theirs, hers = talk("workspace", owner=BOB), talk("workspace")
    with acting(BOB) as bob:
        agent = Agent.objects.get(pk=theirs.agent_id)
        agents.share(agent, actor=bob, visibility="workspace")
        file = File.objects.get(visibility="workspace", owner=BOB.membership_id)
    doors.browser(ALICE).post(f"/people/{BOB.membership_id}/role/", {"role": "viewer"})
    bobs, vera = doors.browser(BOB), doors.browser(VERA)
    own = {
        f"/conversations/{theirs.pk}/": f"/conversations/{theirs.pk}/share/",
        f"/agents/{agent.slug}/": f"/agents/{agent.slug}/share/",
        f"/files/{file.pk}/": f"/files/{file.pk}/visibility/",
    }
    for shown, address in own.items():
        assert f'action="{address}"' in bobs.get(shown).content.decode(), shown
        assert vera.get(shown).status_code == 200
        assert "Stop sharing" not in vera.get(shown).content.decode(), shown
        assert bobs.post(address, {"visibility": "workspace"}).status_code == 403
        assert vera.post(address, {"visibility": "private"}).status_code == 403
        assert bobs.post(address, {"visibility": "private"}).status_code == 302
        assert vera.get(shown).status_code == 404
        assert "Stop sharing" not in bobs.get(shown).content.decode(), shown
    assert bobs.post(f"/conversations/{hers.pk}/share/", {"visibility": "private"}).status_code == 403
    assert vera.get(f"/conversations/{hers.pk}/").status_code == 200
    assert (BOB.membership_id, {"visibility": "private"}) in entries("conversation.visibility_changed")


def test_nobody_ends_the_sharing_of_a_member_who_is_there() -> None:
    conversation = talk("workspace")
    assert (
        changed(BOB, "SELECT conversation FROM fence.end_conversation_sharing(%(who)s)", {"who": ALICE.membership_id})
        == []
    )
    assert page(VERA, conversation).status_code == 200
