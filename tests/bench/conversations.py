"""How long does the page of a conversation take in which a thousand questions were asked and answered?

Asked for as a browser would ask, sign-in and template included: its end, its middle around one message, and a branch.
"""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack

from django.db import connections
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from conversations.models import Citation, Conversation, Message
from conversations.rendering import render
from tests import cast, doors
from tests.bench.rows import Row, at_most
from tests.factories import AgentFactory, FileFactory, PassageFactory

MESSAGES, LIMIT_MS, MOST_QUERIES, CALLS = 2000, 300, 12, 15
SERVING = ("default", "identity", "cache")
"""The databases that a page may ask."""
ANSWER = (
    "Your files say:\n\n> Refunds take ten days. [1]\n\n> Nobody has to give a reason. [2]\n\n"
    + "More words of it. " * 60
)


def rows(*, rounds: int) -> list[Row]:
    """The median time of each page, and how many questions it asks of databases."""
    with cast.acting(cast.ALICE):
        conversation, middle = a_long_talk()
    here, found = f"/conversations/{conversation.pk}/", []
    with override_settings(ALLOWED_HOSTS=["testserver"]):
        browser = doors.browser(cast.ALICE)
        for name, address in {"its end": here, "its middle": f"{here}?at={middle}"}.items():
            queries, milliseconds = _asked(browser, address)
            label = f"conversation of {MESSAGES:,} messages: {name}"
            found.append(at_most(label, milliseconds, LIMIT_MS, "ms", f"median of {CALLS}"))
            found.append(at_most(f"{label}, queries", queries, MOST_QUERIES, "queries"))
    return found


def a_long_talk() -> tuple[Conversation, object]:
    """Questions and answers one after the other, each answer with two citations; every tenth question was put twice."""
    passage = PassageFactory(file=FileFactory(name="refund-policy.pdf"))
    owner = cast.ALICE.membership_id
    conversation = Conversation.objects.create(owner_id=owner, agent=AgentFactory(), title="A long talk")
    said: list[Message] = []
    parent = None
    for number in range(MESSAGES):
        is_answer = number % 2 == 1
        message = Message(
            conversation=conversation, parent_id=parent, position=number * 2 + 1, status="done", finished_at=timezone.now(),
            role="assistant" if is_answer else "user", text=ANSWER if is_answer else f"Question {number}?", preference=1,
        )  # fmt: skip
        message.html = render(ANSWER, message_id=message.pk, numbers=[1, 2]) if is_answer else ""
        if number % 20 == 0:
            said.append(
                Message(conversation=conversation, parent_id=parent, position=number * 2, role="user", text="Before")
            )
        said.append(message)
        parent = message.pk
    Message.objects.bulk_create(said)
    Citation.objects.bulk_create(
        Citation(message=message, number=number, file=passage.file, passage=passage, file_name=passage.file.name,
                 quote=passage.text, start=0, end=22)
        for message in said if message.is_answer for number in (1, 2)
    )  # fmt: skip
    return conversation, said[len(said) // 2].pk


def _asked(browser: Client, address: str) -> tuple[int, float]:
    with ExitStack() as stack:
        contexts = [stack.enter_context(CaptureQueriesContext(connections[alias])) for alias in SERVING]
        answer = browser.get(address)
    if answer.status_code != 200:
        raise AssertionError(f"{address} answered {answer.status_code}")
    # Before the next request, at whose beginning Django forgets them.
    queries = sum(len(context) for context in contexts)
    taken = []
    for _ in range(CALLS):
        began = time.perf_counter()
        browser.get(address)
        taken.append(time.perf_counter() - began)
    return queries, statistics.median(taken) * 1000
