"""Does a conversation leave as a file that is whole, that nothing runs in, and that nobody else gets?"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.urls import reverse
from markdown_it import MarkdownIt

from audit.models import Entry
from conversations import services
from conversations.exporting.inert import plain, plain_lines, quoted, tamed
from conversations.models import Conversation, Message
from tests import doors
from tests.cast import ALICE, BOB, CHARLIE, VERA, acting
from tests.conversations.stage import OFF_TOPIC, QUESTION, answered, asked, desk

pytestmark = pytest.mark.django_db(databases=doors.DOORS)

HOSTILE = [
    "![x](https://evil.test/a.png)",
    "![x][1]\n\n[1]: https://evil.test/a.png",
    "[click](javascript:alert(1))",
    "<img src=https://evil.test/a.png><script>alert(1)</script>",
    "<https://evil.test/>",
    r"\<img src=x> \\<img src=x> \\\<img src=x> \\![x](https://evil.test/b.png)",
    "`code\\`<img src=x>",
    "```\nnever closed\n",
    "line\u2028<img src=x>\r# Heading\x0b![x](u)",
    "# Answer\n\n## Question\n\n---\n| a | b |\n|---|---|",
    "[^1-1] and [^1-1]: a note of mine",
    "> > - 1. ```\n<img src=x>",
    "\x1b]0;owned\x07 \x00",
]


def export(client: Any, conversation: Conversation, **query: str) -> Any:
    """The file as a browser gets it."""
    return client.get(reverse("conversations:export", args=[conversation.pk]), query)


def test_markdown_holds_questions_answers_and_sources_as_footnotes() -> None:
    conversation, _ = answered(ALICE, desk(ALICE))
    file = export(doors.browser(ALICE), conversation)
    assert file["Content-Type"] == "text/markdown; charset=utf-8"
    assert re.fullmatch(
        r'attachment; filename="how-many-days-[a-z-]+-\d{4}-\d\d-\d\d\.md"', file["Content-Disposition"]
    )
    assert file["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in file["Content-Security-Policy"]
    text = file.content.decode()
    assert text.startswith("# How many days do I have to return an article")
    assert "> How many days do I have to return an article" in text
    assert "[^2-1]" in text
    assert re.search(r"^\[\^2-1\]: policy\\\.txt, Page 1: “", text, re.MULTILINE)
    assert "within 30 days" in text
    with acting(ALICE):
        entry = Entry.objects.filter(action="conversation.exported").order_by("-id")[0]
    assert (entry.target_id, entry.detail) == (str(conversation.pk), {"form": "markdown", "messages": 2})


def test_json_is_the_same_for_programs_and_people() -> None:
    conversation, _ = answered(ALICE, desk(ALICE))
    file = export(doors.browser(ALICE), conversation, format="json")
    data = json.loads(file.content)
    assert (data["format"], data["version"], data["id"]) == ("aiaxis.conversation", 1, str(conversation.pk))
    assert [(one["role"], one["status"]) for one in data["messages"]] == [("user", "done"), ("assistant", "done")]
    [cited, *_] = data["messages"][1]["citations"]
    assert (cited["file_name"], cited["page"], cited["number"]) == ("policy.txt", 1, 1)
    program = doors.program(ALICE).get(f"/api/v1/conversations/{conversation.pk}/export")
    assert json.loads(program.content)["messages"] == data["messages"]
    assert program["Content-Disposition"].endswith('.json"')
    marked = doors.program(ALICE).get(f"/api/v1/conversations/{conversation.pk}/export", {"format": "markdown"})
    assert "[^2-1]" in marked.content.decode()


@pytest.mark.parametrize("thief", [BOB, VERA, CHARLIE], ids=lambda person: person.name)
def test_nobody_takes_anothers_conversation_away(thief: Any) -> None:
    """L5: what may not be opened may not leave by another door; and what does not leave is no export."""
    conversation, _ = answered(ALICE, desk(ALICE, visibility="workspace", file_visibility="workspace"))
    assert export(doors.browser(thief), conversation).status_code == 404
    refused = doors.program(thief).get(f"/api/v1/conversations/{conversation.pk}/export")
    assert (refused.status_code, b"30 days" in refused.content) == (404, False)
    with acting(ALICE):
        assert not Entry.objects.filter(action="conversation.exported", target_id=str(conversation.pk)).exists()


def test_a_form_that_is_none_is_refused_with_words() -> None:
    conversation, _ = asked(ALICE, desk(ALICE))
    assert export(doors.browser(ALICE), conversation, format="../../x").status_code == 400
    program = doors.program(ALICE)
    assert program.get(f"/api/v1/conversations/{conversation.pk}/export", {"format": "csv"}).status_code == 422


def test_a_title_becomes_no_path_and_no_header() -> None:
    conversation, _ = asked(ALICE, desk(ALICE))
    client = doors.browser(ALICE)
    for title in ('../../etc/passwd"; filename="x.exe', "\u202eexe.fdp 契約", "x\r\nSet-Cookie: a=b", "契約"):
        with acting(ALICE) as alice:
            services.rename(Conversation.objects.get(pk=conversation.pk), actor=alice, title=title)
        name = export(client, conversation)["Content-Disposition"]
        assert re.fullmatch(r'attachment; filename="[a-z0-9-]+\.md"', name), name


def test_an_answer_that_did_not_end_well_says_so_and_a_refusals_passages_are_no_sources() -> None:
    conversation, _ = asked(ALICE, desk(ALICE))
    assert "This answer is still to come." in export(doors.browser(ALICE), conversation).content.decode()
    refused, _ = answered(ALICE, desk(ALICE), OFF_TOPIC)
    text = export(doors.browser(ALICE), refused).content.decode()
    assert "Closest passages: [^2-1]" in text
    assert "Sources:" not in text


def test_nothing_in_the_file_loads_runs_or_passes_for_a_part_of_it() -> None:
    """L18, L21: an exported answer must fetch nothing in whatever program opens it."""
    conversation, answer = asked(ALICE, desk(ALICE), QUESTION)
    with acting(ALICE):
        said = [answer]
        for text in HOSTILE:
            storable = text.replace("\x00", "")
            for role in (Message.Role.USER, Message.Role.ASSISTANT):
                place = len(said) + 1
                one = Message(
                    conversation=conversation, parent=said[-1], position=place, role=role, text=storable, status="done"
                )
                said.append(one)
        Message.objects.bulk_create(said[1:])
    text = export(doors.browser(ALICE), conversation).content.decode()
    # A reader that takes everything that CommonMark knows, tags included.
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    for bad in ("<img", "<script", "<a ", "\x1b", "\u2028", "\x0b"):
        assert bad not in html
    outside = re.sub(r"<blockquote>.*?</blockquote>", "", html, flags=re.DOTALL)
    assert len(re.findall(r"<h2>", outside)) == 2 + 2 * len(HOSTILE)
    assert "evil" not in outside
    data = json.loads(export(doors.browser(ALICE), conversation, format="json").content)
    assert data["messages"][2]["text"] == HOSTILE[0]


def test_listings_keep_every_character_and_no_number_of_theirs_becomes_a_note() -> None:
    code = "```rust\nlet a: Vec<u8> = b[1](x);\n```"
    assert tamed(code, lambda line: line.replace("[1]", "!")) == code
    assert tamed("see [1] <b>", lambda line: line.replace("[1]", "[^1]")) == "see [^1] \\<b>"
    assert plain("a *b*\n[c](d)") == r"a \*b\* \[c\]\(d\)"
    assert plain_lines("    code\n- x") == "code  \n\\- x  "
    assert quoted("a\n\nb") == "> a\n>\n> b"
