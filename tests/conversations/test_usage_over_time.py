"""Do the numbers of many days come to the same, and at the same price, however many there are?"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connections
from pytest_django import DjangoAssertNumQueries

from conversations.models import DailyUse
from conversations.usage import queries
from tests.cast import ALICE, BOB, Person, acting
from tests.factories import AgentFactory

pytestmark = pytest.mark.usefixtures("committed")


def used(person: Person, agent_id: UUID | None, day: date, **numbers: int) -> None:
    """As a trigger would have counted it, had it been that day."""
    assert person.company is not None
    counted = [numbers.get(name, 0) for name in queries.NUMBERS]
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT fence.count_use(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [person.company.id, person.membership_id, agent_id, day, *counted],
        )


def test_the_page_costs_the_same_however_much_was_used(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    today = datetime.now(UTC).date()
    with acting(ALICE):
        found = AgentFactory.create_batch(6, visibility="workspace")
    for number in range(60):
        used(ALICE if number % 2 else BOB, found[number % 6].pk, today - timedelta(days=number % 20), questions=2)
    used(ALICE, found[0].pk, today - timedelta(days=40), questions=1000)
    with acting(ALICE), django_assert_max_num_queries(5):
        usage = queries.usage(*queries.days(None, None))
    assert (usage.total.questions, len(usage.days), len(usage.agents)) == (120, 20, 6)


def test_what_is_settled_after_its_agent_went_is_counted_once() -> None:
    """When two agents of a day are deleted there are two lines without one, and a correction belongs to either, not to both."""
    today = datetime.now(UTC).date()
    with acting(ALICE):
        for agent in AgentFactory.create_batch(2):
            used(ALICE, agent.pk, today, questions=1, tokens_written=100)
            agent.delete()
        assert DailyUse.objects.filter(agent=None).count() == 2
        used(ALICE, None, today, tokens_written=-70)
        used(BOB, None, today, tokens_written=7)
        usage = queries.usage(today, today)
    assert (usage.total.questions, usage.total.tokens_written) == (2, 137)
    assert [(one.name, one.numbers.tokens_written) for one in usage.members] == [("Alice", 130), ("Bob", 7)]
