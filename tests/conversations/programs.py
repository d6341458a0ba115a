"""How do tests ask as OpenAI's clients do, and play the worker's part meanwhile?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.test import Client

from conversations import signals
from conversations.models import Citation, Completion, Conversation, Delta, Message
from tests.cast import ALICE, acting
from tests.conversations.stage import QUESTION, write

CHAT = "/v1/chat/completions"


@contextmanager
def a_worker() -> Iterator[None]:
    """Each question of Alice's is answered at once, by what the worker would run, in the test's own transaction."""

    def work(actor: Any, target: Message, **facts: Any) -> None:
        write(ALICE, target.pk)

    signals.question_asked.connect(work)
    yield
    signals.question_asked.disconnect(work)


def ask(client: Client, model: str, text: str = QUESTION, **more: Any) -> Any:
    body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
    return client.post(CHAT, body, content_type="application/json")


def pieces(response: Any) -> list[dict[str, Any]]:
    """What OpenAI's clients read of a stream; they end at the last line, which must be there."""
    assert response["Content-Type"].startswith("text/event-stream")
    lines = [line for line in b"".join(response).decode().split("\n\n") if line.startswith("data: ")]
    assert lines.pop() == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def nothing_is_left() -> None:
    with acting(ALICE):
        for model in (Conversation, Message, Delta, Citation, Completion):
            assert not model.objects.exists(), model
