"""Is everything that is used counted, once, and shown to nobody whom it does not concern?"""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext

from agents import services as agents
from agents.models import Agent
from agents.providers import Turn
from audit.models import Entry
from conversations import services
from conversations.completions import services as completions
from conversations.models import Conversation
from conversations.usage import queries
from conversations.usage.models import DailyUse
from tests import doors
from tests.cast import ADA, ALICE, BOB, CHARLIE, VERA, Person, acting
from tests.conversations.stage import answered, asked, desk
from tests.factories import FileFactory
from tests.vendors.stage import a_use

pytestmark = pytest.mark.django_db(databases=["default", "identity", "cache", "audit"])

SECRET = "Merger with Tern Ltd"


def today() -> date:
    return datetime.now(UTC).date()


def seen(person: Person) -> queries.Usage:
    with acting(person):
        return queries.usage(today(), today())


def shown(lines: list[queries.Line]) -> dict[str, tuple[int, int]]:
    return {one.name: (one.numbers.questions, one.numbers.answers) for one in lines}


def test_each_question_and_answer_is_counted_for_who_asked_and_of_which_agent() -> None:
    agent = desk(ALICE, visibility="workspace", file_visibility="workspace")
    for person in (ALICE, BOB, BOB):
        answered(person, agent)
    asked(BOB, agent)
    found = seen(ADA)
    assert shown(found.members) == {"Bob": (3, 2), "Alice": (1, 1)}
    assert shown(found.agents) == {agent.name: (4, 3)}
    assert (found.total.questions, found.total.answers) == (4, 3)
    assert [(one.word, total) for one, total in found.asked.totals] == [("questions", 4), ("answers", 3)]


def test_a_program_that_sends_along_what_was_said_before_asks_one_question() -> None:
    """OpenAI's clients send the whole conversation with each question: the tenth counted as ten."""
    agent = desk(ALICE)
    history = (Turn("user", "Who?"), Turn("assistant", "Nobody."), Turn("user", "When?"), Turn("user", "And where?"))
    with acting(ALICE) as alice:
        completions.begin(agent, completions.Asked("Why?", history), actor=alice)
    assert (seen(ALICE).total.questions, seen(ALICE).total.answers) == (1, 0)


def test_members_see_their_own_numbers_and_keepers_everybodys() -> None:
    agent = desk(ALICE, visibility="workspace", file_visibility="workspace")
    for person in (ALICE, BOB):
        answered(person, agent)
    assert shown(seen(BOB).members) == {"Bob": (1, 1)}
    assert seen(VERA).members == []
    for person in (ALICE, ADA):
        assert set(shown(seen(person).members)) == {"Alice", "Bob"}
    assert "1 question, 1 answer<" in body(doors.browser(BOB).get("/usage/"))
    assert "2 questions, 2 answers<" in body(doors.browser(ALICE).get("/usage/"))


def test_another_workspace_has_its_own_numbers_and_no_others() -> None:
    """P5: each has what the other must not count."""
    answered(ALICE, desk(ALICE))
    answered(CHARLIE, desk(CHARLIE))
    answered(CHARLIE, desk(CHARLIE))
    assert seen(CHARLIE).total.questions == 2
    assert seen(ALICE).total.questions == 1
    assert [one.name for one in seen(CHARLIE).stored] == ["Charlie"]


def test_a_private_agent_of_a_colleague_is_counted_and_neither_named_nor_told_apart() -> None:
    """L4, L10: not on the page, not in the file, not in the API; the owner of the workspace learns how much, and no more."""
    for number in range(2):
        agent = desk(BOB)
        with acting(BOB) as bob:
            agents.edit(agent, actor=bob, name=f"{SECRET} {number}")
        answered(BOB, agent)
    assert shown(seen(ALICE).agents) == {queries.UNSEEN: (2, 2)}
    assert shown(seen(BOB).agents) == {f"{SECRET} 0": (1, 1), f"{SECRET} 1": (1, 1)}
    browser, program = doors.browser(ALICE), doors.program(ALICE)
    for answer in (browser.get("/usage/"), browser.get("/usage/content/"), program.get("/api/v1/usage")):
        text = body(answer)
        assert queries.UNSEEN in text
        assert SECRET not in text
        with acting(BOB):
            assert not [one for one in Agent.objects.values_list("pk", flat=True) if str(one) in text]
    assert SECRET in body(doors.browser(BOB).get("/usage/"))


def test_the_numbers_stay_when_the_conversation_or_the_agent_goes() -> None:
    agent = desk(ALICE)
    conversation, _ = answered(ALICE, agent)
    with acting(ALICE) as alice:
        services.delete(conversation, actor=alice)
        assert not Conversation.objects.exists()
        agents.delete(agent, actor=alice)
    assert shown(seen(ALICE).agents) == {queries.GONE: (1, 1)}


def test_requests_to_models_are_counted_and_corrected_when_they_are_settled() -> None:
    use = a_use(BOB)
    assert (seen(ADA).total.requests, seen(ADA).total.tokens, seen(ADA).total.money > 0) == (1, 200, True)
    with acting(BOB), connection.cursor() as cursor:
        cursor.execute("SELECT fence.settle_model_use(%s, 30, 12)", [use])
    total = seen(ADA).total
    assert (total.requests, total.tokens_read, total.tokens_written) == (1, 30, 12)


def test_nobody_writes_a_number_or_reads_a_colleagues_in_raw_sql_either() -> None:
    agent = desk(ALICE, visibility="workspace", file_visibility="workspace")
    for person in (ALICE, BOB):
        answered(person, agent)
    for statement in (
        "UPDATE conversations_dailyuse SET questions = 0",
        "DELETE FROM conversations_dailyuse",
        "SELECT fence.count_use(NULL, NULL, NULL, now()::date, 1, 1, 1, 1, 1, 1)",
        "INSERT INTO conversations_dailyuse (id, workspace_id, day) SELECT id, workspace_id, now() FROM accounts_membership",
    ):
        with acting(ADA), pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            connection.cursor().execute(statement)
    with acting(BOB), connection.cursor() as cursor:
        cursor.execute("SELECT member_id FROM conversations_dailyuse")
        assert cursor.fetchall() == [(BOB.membership_id,)]


def test_what_is_stored_is_told_to_keepers_of_everybody_and_to_a_member_of_oneself() -> None:
    for person, size in ((ALICE, 5), (BOB, 70), (BOB, 30), (CHARLIE, 1000)):
        with acting(person):
            FileFactory(size=size, name=f"{SECRET}.txt")
    assert [(one.name, one.files, one.bytes) for one in seen(ADA).stored] == [("Bob", 2, 100), ("Alice", 1, 5)]
    assert [(one.name, one.bytes) for one in seen(BOB).stored] == [("Bob", 100)]
    assert SECRET not in body(doors.browser(ADA).get("/usage/"))


def test_the_file_holds_each_day_and_is_recorded_and_inert() -> None:
    agent = desk(BOB, visibility="workspace", file_visibility="workspace")
    with acting(BOB) as bob:
        agents.edit(agent, actor=bob, name="=HYPERLINK(1)")
    answered(BOB, agent)
    answer = doors.browser(ALICE).get(f"/usage/content/?since={today()}&until={today()}")
    assert answer["Content-Disposition"] == f'attachment; filename="usage-{today()}-to-{today()}.csv"'
    head, row = csv.reader(io.StringIO(body(answer)))
    assert dict(zip(head, row, strict=True)) == {
        "day": str(today()),
        "member": "Bob",
        "agent": "'=HYPERLINK(1)",
        "agent_id": str(agent.pk),
        "questions": "1",
        "answers": "1",
        "requests": "0",
        "tokens_read": "0",
        "tokens_written": "0",
        "cost": "0.000000",
    }
    with acting(ALICE):
        entry = Entry.objects.get(action="usage.exported")
        assert (entry.actor_id, entry.detail) == (ALICE.membership_id, {"days": 1})


def test_a_program_reads_the_same_numbers() -> None:
    agent = desk(ALICE, visibility="workspace", file_visibility="workspace")
    for person in (ALICE, BOB):
        answered(person, agent)
    found = doors.program(ALICE).get("/api/v1/usage").json()
    assert (found["total"]["questions"], len(found["members"]), found["until"]) == (2, 2, str(today()))
    assert [(one["day"], one["answers"]) for one in found["days"]] == [(str(today()), 2)]
    assert [(one["id"], one["questions"]) for one in found["agents"]] == [(str(agent.pk), 2)]
    own = doors.program(BOB).get("/api/v1/usage").json()
    assert [one["name"] for one in own["members"]] == ["Bob"]
    later = {"since": str(today()), "until": str(today() - timedelta(days=1))}
    assert doors.program(BOB).get("/api/v1/usage", later).status_code == 422


def test_days_that_cannot_be_are_told_and_too_many_are_cut() -> None:
    browser = doors.browser(VERA)
    assert browser.get("/usage/?since=yesterday").status_code == 422
    assert browser.get("/usage/content/?since=2026-02-02&until=2026-02-01").status_code == 422
    assert "A year is shown at most" in body(browser.get("/usage/?since=2001-01-01"))
    assert "Nothing was asked on these days" in body(browser.get("/usage/"))


def body(answer: Any) -> str:
    text: bytes = b"".join(answer) if answer.streaming else answer.content
    return text.decode()


def test_much_is_told_with_as_few_questions_as_little_over_an_index_of_the_workspace() -> None:
    """With 1,000,000 questions on 100,000 lines of a year, beside another workspace's, the page took 73 ms (measured by hand)."""

    def told() -> int:
        with acting(ALICE), CaptureQueriesContext(connection) as log:
            queries.usage(today() - timedelta(days=30), today())
        return len(log)

    asked(ALICE, desk(ALICE, visibility="workspace", file_visibility="workspace"))
    few = told()
    other = desk(BOB, visibility="workspace", file_visibility="workspace")
    for person in (ALICE, BOB, ADA):
        asked(person, other)
    assert told() == few
    with acting(ALICE), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = DailyUse.objects.filter(day__gte=today()).explain()
    # Of one workspace's lines alone, whichever of its indexes is taken: each begins with the workspace.
    assert "Seq Scan on conversations_dailyuse" not in plan
    assert re.search(r"Index Cond: \(\(?workspace_id = ", plan), plan
