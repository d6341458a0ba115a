"""Does a limit hold, whoever asks how many things at once, and whatever dies in between?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextvars import copy_context
from dataclasses import replace
from uuid import UUID

import psycopg
import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.dispatch import Signal

from agents import signals
from agents.models import Agent
from agents.providers import Spent
from agents.vendors import queries, services, writing
from agents.vendors.models import MILLION, Budget, Kind, ModelUse, MonthlyUse
from conversations import answering
from conversations import services as talks
from conversations.models import Message
from tests import environment
from tests.cast import ADA, ALICE, BOB, CHARLIE, acting
from tests.conversations.stage import answered, asked, write
from tests.vendors.faults import Fault
from tests.vendors.server import TOKENS, Double
from tests.vendors.stage import a_use, words, writer
from tests.waiting import until

BLOCKED = "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
in_a_transaction = pytest.mark.django_db(databases=["default"])
KINDS = pytest.mark.parametrize("kind", [Kind.OPENAI, Kind.ANTHROPIC])


def limit(requests: int | None = None, tokens: int | None = None, money: int | None = None) -> None:
    with acting(ADA) as ada:
        services.set_budget(actor=ada, requests=requests, tokens=tokens, money=money)


def used() -> tuple[int, int, int]:
    with acting(ADA):
        month = MonthlyUse.objects.get()
        return month.requests, month.tokens, month.money


@pytest.fixture
def told() -> Iterator[list[str]]:
    """What administrators are told of limits."""
    heard: list[str] = []

    def hear(signal: Signal, what: str, **facts: object) -> None:
        heard.append(f"{'near' if signal is signals.budget_neared else 'reached'} {what}")

    for signal in (signals.budget_neared, signals.budget_reached):
        signal.connect(hear)
    yield heard
    for signal in (signals.budget_neared, signals.budget_reached):
        signal.disconnect(hear)


@in_a_transaction
@KINDS
def test_what_an_answer_took_is_counted_as_the_vendor_counts_it(vendor: Double, kind: str) -> None:
    agent = writer(ALICE, vendor, kind)
    answered(ALICE, agent)
    assert used() == (1, sum(TOKENS), 0)
    with acting(ALICE):
        use = ModelUse.objects.get()
        assert (use.tokens_read, use.tokens_written) == TOKENS
        assert (use.agent_id, use.member_id, use.settled_at is None) == (agent.pk, ALICE.membership_id, False)


@in_a_transaction
def test_without_a_count_of_the_vendors_ours_counts(vendor: Double) -> None:
    vendor.counts = False
    answered(ALICE, writer(ALICE, vendor))
    assert used()[0] == 1
    assert used()[1] > 100


@in_a_transaction
def test_a_vendor_that_counts_nonsense_is_not_believed(vendor: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.vendors.server.TOKENS", (-5_000_000, 10**30))
    answered(ALICE, writer(ALICE, vendor))
    assert 100 < used()[1] < 10_000


@in_a_transaction
def test_at_a_limit_no_model_is_asked_and_at_four_fifths_somebody_is_told(vendor: Double, told: list[str]) -> None:
    agent = writer(ALICE, vendor)
    limit(requests=5)
    for number in range(1, 6):
        assert answered(ALICE, agent)[1].status == Message.Status.DONE
        assert told == ([] if number < 4 else ["near requests"])
    before = len(vendor.asked)
    for _ in range(2):
        _, stopped = answered(ALICE, agent)
        assert (stopped.status, len(vendor.asked)) == (Message.Status.FAILED, before)
        assert stopped.error.startswith("This workspace has used up its requests to models for this month.")
    assert told == ["near requests", "reached requests"]
    assert used()[0] == 5
    # Raised, it goes on, and may be told again.
    limit(requests=6)
    assert answered(ALICE, agent)[1].status == Message.Status.DONE
    assert told == ["near requests", "reached requests", "near requests"]


@in_a_transaction
def test_tokens_and_money_stop_as_well(vendor: Double) -> None:
    agent = writer(ALICE, vendor)
    limit(tokens=500)  # less than the longest answer may have
    _, stopped = answered(ALICE, agent)
    assert "its tokens for this month" in stopped.error
    limit(money=MILLION)
    with acting(ADA) as ada:
        provider = agent.model_provider
        assert provider is not None
        typed = replace(words(vendor), key="", price_read=3 * MILLION, price_written=15 * MILLION)
        services.change(provider, typed, actor=ada)
    assert answered(ALICE, agent)[1].status == Message.Status.DONE
    read, written = TOKENS
    assert used()[2] == read * 3 + written * 15
    limit(money=used()[2] + 100)
    _, stopped = answered(ALICE, agent)
    assert "its money for models for this month" in stopped.error


@in_a_transaction
def test_what_was_not_taken_costs_nothing_and_what_broke_off_costs_what_came(vendor: Double) -> None:
    agent = writer(ALICE, vendor)
    vendor.faults.set(Fault(status=401))
    answered(ALICE, agent)
    assert used()[:2] == (1, 0)
    vendor.faults.set(Fault(cut=4))
    answered(ALICE, agent)
    assert used()[1] > 100


def test_a_worker_that_dies_leaves_what_was_reserved(vendor: Double, committed: None) -> None:
    agent = writer(ALICE, vendor)
    _, pending = asked(ALICE, agent)

    class Killed(BaseException):
        """What no handler of ours catches."""

    def die(*args: object) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        # As if the process had ended: nothing after this is done.
        patch.setattr(writing, "_settle", die)
        with pytest.raises(Killed):
            write(ALICE, pending.pk)
    with acting(ALICE):
        use = ModelUse.objects.get()
        assert (use.settled_at, use.tokens_written) == (None, agent.max_tokens)
    assert used()[1] == use.tokens_read + use.tokens_written


def test_eight_at_once_do_not_pass_a_limit_of_five(vendor: Double, committed: None) -> None:
    agent = writer(ALICE, vendor)
    limit(requests=5)
    pending = [asked(ALICE, agent)[1].pk for _ in range(8)]
    together = threading.Barrier(8)
    outcomes: list[str] = []

    def go(message_id: UUID) -> None:
        try:
            together.wait()
            outcomes.append(write(ALICE, message_id).status)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=go, args=[one]) for one in pending]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done"] * 5 + ["failed"] * 3
    assert used()[0] == 5


def test_to_settle_waits_for_the_month_before_it_holds_the_day(committed: None) -> None:
    """To reserve locks them in this order; in the other one, two answers wait for each other and the database breaks one off."""
    use = a_use(BOB)

    def settle() -> None:
        try:
            writing._settle(use, Spent(30, 12))
        finally:
            connections.close_all()

    with psycopg.connect(environment.server.superuser_url(environment.platform_database)) as other:
        other.execute("SELECT FROM agents_monthlyuse FOR UPDATE")
        with acting(BOB):
            waiting = threading.Thread(target=copy_context().run, args=[settle])
            waiting.start()
        assert until(lambda: other.execute(BLOCKED).fetchone())
        # An error where somebody holds it.
        assert other.execute("SELECT FROM conversations_dailyuse FOR UPDATE NOWAIT").rowcount == 1
    waiting.join()
    assert used()[1] == 42


@in_a_transaction
def test_a_stopped_answer_ends_the_call_and_settles_it(vendor: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    """A vendor that falls silent keeps nobody from stopping."""
    agent = writer(ALICE, vendor)
    vendor.faults.set(Fault(stall=3))
    _, pending = asked(ALICE, agent)
    flush = answering.Writer.flush

    def stop_it(self: answering.Writer) -> None:
        if vendor.asked[-1].body:
            talks.stop(pending.conversation, actor=ALICE.tenant, answer=pending)
        flush(self)

    monkeypatch.setattr(answering.Writer, "flush", stop_it)
    assert write(ALICE, pending.pk).status == Message.Status.STOPPED
    with acting(ALICE):
        assert ModelUse.objects.get().settled_at is not None
    assert not [one for one in threading.enumerate() if one.name == "vendor" and one.is_alive()]


@in_a_transaction
def test_injected_sql_neither_sets_a_counter_back_nor_a_limit_up(vendor: Double) -> None:
    """L7, L12: the wall is the database's, against Bob's own session and whatever SQL he can inject."""
    agent: Agent = writer(ALICE, vendor)
    answered(ALICE, agent)
    limit(requests=1)
    provider = agent.model_provider_id
    statements = [
        "UPDATE agents_monthlyuse SET requests = 0",
        "DELETE FROM agents_modeluse",
        "UPDATE agents_budget SET requests = 1000000",
        "DELETE FROM agents_budget",
        "SELECT fence.keep_budget(1000000, NULL, NULL)",
        f"SELECT fence.reserve_model_use(gen_random_uuid(), NULL, '{provider}', 'x', -1000000, 0)",
        "INSERT INTO agents_modelprovider (id) VALUES (gen_random_uuid())",
        f"UPDATE agents_modelprovider SET base_url = 'https://evil.example' WHERE id = '{provider}'",
        f"SELECT fence.keep_model_provider('remove', '{provider}', '{{}}')",
    ]
    with acting(BOB):
        for statement in statements:
            with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)
        # What others may use, and did use, is not his to see.
        assert not Budget.objects.exists()
        assert not ModelUse.objects.exists()
    assert used()[0] == 1
    with acting(CHARLIE), connection.cursor() as cursor:
        # Another workspace's owner, with the very id.
        cursor.execute(f"SELECT fence.keep_model_provider('remove', '{provider}', '{{}}')")
        assert cursor.fetchone() == (False,)
    with acting(ADA):
        assert queries.meters()[0].text == "1 of 1"
