"""Is each verb done wholly or not at all, once however often it is sent, and within its limits?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from accounts import jobs as accounts_jobs
from agents import providers
from agents import services as agent_services
from conversations import answering, services, signals
from conversations.models import SILENT_AFTER, Citation, Conversation, Delta, Message
from files.models import File
from tests.agents.shelf import agent_of
from tests.cast import ACME, ALICE, BOB, acting
from tests.conversations.stage import QUESTION, answered, asked, desk, latest, write

in_a_transaction = pytest.mark.django_db(databases=["default"])


def jobs() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(id) FROM procrastinate_jobs")
        return int(cursor.fetchone()[0])


@in_a_transaction
def test_a_question_its_answer_and_its_job_are_written_together() -> None:
    before = jobs()
    conversation, answer = asked(ALICE, desk(ALICE))
    with acting(ALICE):
        said = list(Message.objects.filter(conversation=conversation).order_by("position"))
        assert [(message.role, message.status) for message in said] == [("user", "done"), ("assistant", "queued")]
        assert said[1].pk == answer.pk
        assert jobs() == before + 1


@in_a_transaction
def test_a_question_that_cannot_be_recorded_is_not_asked() -> None:
    """L38: the action and its record, both or none."""

    def broken(**facts: Any) -> None:
        raise RuntimeError("no record")

    agent, before = desk(ALICE), jobs()
    signals.question_asked.connect(broken)
    try:
        with acting(ALICE) as alice:
            conversation = services.start(agent, actor=alice)
            with pytest.raises(RuntimeError, match="no record"):
                services.ask(conversation, actor=alice, text=QUESTION)
            assert not Message.objects.exists()
            assert Conversation.objects.get(pk=conversation.pk).title == services.NEW_TITLE
            assert jobs() == before
    finally:
        signals.question_asked.disconnect(broken)


def test_two_questions_at_the_same_moment_become_one(committed: None) -> None:
    with acting(ALICE) as alice:
        conversation = services.start(desk(ALICE), actor=alice)
    together = threading.Barrier(4)
    outcomes: list[str] = []

    def ask(key: str) -> None:
        try:
            with acting(ALICE) as actor:
                together.wait()
                question = services.ask(conversation, actor=actor, text=QUESTION, idempotency_key=key)
                outcomes.append(str(question.pk))
        except services.StillAnswering:
            outcomes.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=ask, args=[key]) for key in ("same", "same", "other", "another")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with acting(ALICE):
        assert Message.objects.count() == 2
    assert len(set(outcomes) - {"refused"}) == 1


@in_a_transaction
def test_a_member_waits_for_so_many_answers_and_no_more() -> None:
    agent = desk(ALICE)
    for _ in range(services.MOST_WAITING):
        asked(ALICE, agent)
    with acting(ALICE) as alice:
        conversation = services.start(agent, actor=alice)
        with pytest.raises(services.TooManyWaiting, match="already"):
            services.ask(conversation, actor=alice, text=QUESTION)
        assert not Message.objects.filter(conversation=conversation).exists()
    # Her waiting costs no colleague his turn.
    asked(BOB, desk(BOB))


@in_a_transaction
@pytest.mark.parametrize("end", ["archived", "deleted"])
def test_a_question_to_an_agent_that_is_gone_meanwhile_gets_a_sentence(end: str) -> None:
    agent = desk(ALICE)
    _, answer = asked(ALICE, agent)
    with acting(ALICE) as alice:
        (agent_services.archive if end == "archived" else agent_services.delete)(agent, actor=alice)
    failed = write(ALICE, answer.pk)
    assert (failed.status, failed.error) == (Message.Status.FAILED, answering.AGENT_GONE)


@in_a_transaction
def test_a_job_that_runs_twice_writes_once() -> None:
    _, answer = answered(ALICE, desk(ALICE))
    with acting(ALICE):
        before = Citation.objects.count(), Delta.objects.count()
    again = write(ALICE, answer.pk)
    assert (again.text, again.finished_at) == (answer.text, answer.finished_at)
    with acting(ALICE):
        assert (Citation.objects.count(), Delta.objects.count()) == before


@in_a_transaction
def test_what_is_kept_is_what_was_streamed() -> None:
    _, answer = answered(ALICE, desk(ALICE))
    with acting(ALICE):
        deltas = list(Delta.objects.filter(message=answer).order_by("seq"))
        assert [delta.seq for delta in deltas] == list(range(1, len(deltas) + 1))
        assert "".join(delta.data["text"] for delta in deltas if delta.kind == "text") == answer.text
        quoted = [delta.data["quote"] for delta in deltas if delta.kind == "citation"]
        assert list(Citation.objects.filter(message=answer).values_list("quote", flat=True)) == quoted


@in_a_transaction
def test_a_deleted_source_leaves_the_words_and_no_link() -> None:
    """The quote is part of the conversation; the file is not there any more."""
    agent = desk(ALICE)
    conversation, answer = answered(ALICE, agent)
    with acting(ALICE):
        File.objects.get().delete()
        citation = Citation.objects.filter(message=answer).first()
        assert citation is not None
        assert (citation.file_id, citation.passage_id, citation.file_name) == (None, None, "policy.txt")
        assert "within 30 days" in citation.quote
    with acting(ALICE):
        assert Conversation.objects.filter(pk=conversation.pk).exists()


@in_a_transaction
def test_a_file_deleted_while_the_answer_is_written_is_no_failure() -> None:
    agent = desk(ALICE)
    _, answer = asked(ALICE, agent)
    with acting(ALICE) as alice:
        Message.objects.filter(pk=answer.pk).update(status="writing")
        data = {
            "number": 1,
            "kind": "source",
            "file_id": str(File.objects.get().pk),
            "passage_id": str(File.objects.get().passages.first().pk),
            "file_name": "policy.txt",
            "page": 1,
            "label": "",
            "quote": "q",
            "start": 0,
            "end": 1,
        }
        Delta.objects.create(message=answer, seq=1, kind="citation", data=data)
        File.objects.get().delete()
        assert answering.close(answer, Message.Status.DONE, actor=alice)
        assert Citation.objects.get().file_id is None


@in_a_transaction
def test_the_first_question_becomes_the_title() -> None:
    long = "How many days do I have to return an article that was delivered in several parts, each on another day?"
    conversation, _ = asked(ALICE, desk(ALICE), long)
    with acting(ALICE):
        title = Conversation.objects.get(pk=conversation.pk).title
    assert title.startswith("How many days do I have to return")
    assert title.endswith("…")
    assert len(title) <= services.LONGEST_TITLE


@in_a_transaction
def test_an_agent_without_files_says_that_it_found_nothing() -> None:
    _, answer = answered(ALICE, agent_of(ALICE))
    assert answer.status == Message.Status.DONE
    assert answer.text == "I could not find an answer to that in my files."


@in_a_transaction
def test_deltas_of_a_finished_answer_go_with_the_next_question() -> None:
    conversation, first = answered(ALICE, desk(ALICE))
    with acting(ALICE) as alice:
        services.ask(conversation, actor=alice, text="And for a pan?")
        assert not Delta.objects.filter(message=first).exists()
        assert latest(conversation).status == Message.Status.QUEUED
        assert Message.objects.get(pk=first.pk).html


@in_a_transaction
def test_a_provider_that_breaks_leaves_a_sentence_and_a_way_to_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never a stuck spinner: the job's last failure closes the answer."""

    class Broken:
        key, name = "builtin", "Broken"

        def answer(self, question: providers.Question) -> Iterator[providers.Event]:
            yield providers.Text("Half ")
            raise ZeroDivisionError

    agent = desk(ALICE)
    conversation, answer = asked(ALICE, agent)
    row = accounts_jobs.sealed("conversations.answer", ACME.id, ALICE.membership_id, {"message_id": str(answer.pk)})
    monkeypatch.setitem(providers._PROVIDERS, "builtin", Broken())
    with pytest.raises(ZeroDivisionError):
        accounts_jobs.run(1, "conversations.answer", dict(row), 0)
    monkeypatch.undo()
    with acting(ALICE) as alice:
        failed = Message.objects.get(pk=answer.pk)
        assert (failed.status, failed.text) == (Message.Status.FAILED, "Half ")
        assert failed.error == answering.UNEXPECTED
        renewed = services.retry(conversation, actor=alice)
    assert write(ALICE, renewed.pk).status == Message.Status.DONE


@in_a_transaction
def test_a_second_worker_waits_for_one_that_may_be_alive() -> None:
    _, answer = asked(ALICE, desk(ALICE))
    with acting(ALICE) as alice:
        Message.objects.filter(pk=answer.pk).update(status="writing", alive_at=timezone.now())
        with pytest.raises(accounts_jobs.RetryLater):
            answering.write_answer(answer.pk, actor=alice)
        Message.objects.filter(pk=answer.pk).update(alive_at=timezone.now() - 2 * SILENT_AFTER)
        answering.write_answer(answer.pk, actor=alice)
        assert Message.objects.get(pk=answer.pk).status == Message.Status.INTERRUPTED
