"""Do a name, a path or an address that an attacker wrote do anything in a mail, in a chat, in JSON?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core import mail as outbox_of_mails

from audit.notices.models import Kind
from tests.audit.notices import desk
from tests.receivers import receiver

HOSTILE = "Eve\r\nBcc: all@acme.test\x1b[2J\u202egpj.exe\u2028<script>alert(1)</script> `*_<!channel> @here [x](http://evil.test)"
CONTROLS = "\r\x1b\u202e\u2028"


@pytest.fixture
def hostile() -> dict[str, Any]:
    """An entry that came into the trail with everything that redaction would have taken out."""
    return {
        "actor_name": HOSTILE[:128],
        "http": {"route": HOSTILE, "headers": {"user-agent": HOSTILE}, "path": f"/{HOSTILE}"},
        "target_id": HOSTILE[:64],
        "detail": {"secret": "canary-4711", "name": HOSTILE},
    }


def test_a_mail_shows_it_as_text_on_one_line(hostile: dict[str, Any]) -> None:
    desk.operators_channel("oncall@aiaxis.test", Kind.EMAIL)
    desk.store(desk.spoofed(**hostile))
    desk.decide_and_send()
    [mail] = outbox_of_mails.outbox
    [(marked_up, kind)] = mail.alternatives  # type: ignore[union-attr]  # a mail with an HTML form
    assert mail.subject == "[AiAxis] Critical: Reserved name sent"
    assert mail.recipients() == ["oncall@aiaxis.test"]
    assert kind == "text/html"
    for text in (mail.subject, mail.body, str(marked_up)):
        assert not set(CONTROLS) & set(text)
    assert "<script>" not in str(marked_up)
    assert "&lt;script&gt;" in str(marked_up)
    assert not [line for line in str(mail.body).splitlines() if line.lower().startswith("bcc:")]


def test_a_chat_gets_neither_mention_nor_link_nor_format(hostile: dict[str, Any]) -> None:
    with receiver() as hook:
        desk.operators_channel(hook.url, Kind.SLACK)
        desk.store(desk.spoofed(**hostile))
        desk.decide_and_send()
        [came] = hook.received
        text = json.loads(came.body)["text"]
        assert came.headers["content-type"] == "application/json"
        assert "webhook-signature" not in came.headers
        assert "<" not in text
        assert not set(CONTROLS) & set(text)
        # Whatever the attacker wrote stands between two backticks of ours, and holds none.
        for line in text.splitlines()[1:-1]:
            label, _, value = line.partition(": ")
            assert label in {"Why", "Who", "From", "At", "When", "Workspace", "Request"}
            assert value[0] == value[-1] == "`"
            assert "`" not in value[1:-1]


def test_json_is_one_line_of_ascii_and_holds_no_details(hostile: dict[str, Any]) -> None:
    with receiver() as hook:
        desk.operators_channel(hook.url)
        desk.store(desk.spoofed(**hostile))
        desk.decide_and_send()
        [came] = hook.received
        assert came.body.isascii()
        assert b"\n" not in came.body
        assert b"canary-4711" not in came.body
        entry = json.loads(came.body)["data"]["entry"]
        assert not [value for value in entry.values() if set(CONTROLS) & set(str(value))]
