"""How does an answer's Markdown become HTML that can do nothing?

markdown-it-py without HTML and without images, then Pygments' class names for code, then nh3 over the finished string, last: a
sanitiser that runs before another step vouches for nothing (L18). Model output, quotes from files and a member's own words
are all hostile here. HTML is made once, when the answer is complete, and kept beside it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

# 80 kB of "[a](" kept the parser busy for up to six seconds (measured); longer answers are shown as plain text.
LONGEST_MARKDOWN = 32 * 1024
# Colours for a listing of this length take a few milliseconds; beyond it they would hold up the worker.
LONGEST_LISTING = 8 * 1024
MARK = re.compile(r"\[(\d{1,3})\]")

TAGS = {
    "a", "blockquote", "br", "button", "code", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p",
    "pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {
    "a": {"href", "title"},
    "button": {"aria-label", "class", "popovertarget", "type"},
    "code": {"class"},
    "div": {"class"},
    "ol": {"start"},
    "span": {"class"},
}
# What nh3 lets pass in an attribute that only our own rules write. Everything else in these places is dropped.
OWN_VALUES = {
    ("button", "class"): re.compile(r"cite"),
    ("button", "type"): re.compile(r"button"),
    ("button", "popovertarget"): re.compile(r"source-[0-9a-f]{32}-\d{1,3}"),
    ("code", "class"): re.compile(r"language-[\w+#.-]{1,30}"),
    ("div", "class"): re.compile(r"highlight"),
    ("span", "class"): re.compile(r"[a-z][a-z0-9]{0,3}|link-host|no-image"),
    ("ol", "start"): re.compile(r"\d{1,9}"),
}


def render(text: str, *, message_id: UUID, numbers: Collection[int] = ()) -> str:
    """Return safe HTML for the Markdown in `text`; `[n]` becomes a citation mark for each n in `numbers`.

    Text over 32 kB comes back as escaped plain text. Takes a few milliseconds for an ordinary answer.
    """
    if len(text.encode()) > LONGEST_MARKDOWN:
        return f"<p>{html.escape(text)}</p>".replace("\n", "<br>")
    raw = _parser().render(
        text, {"message": message_id.hex, "numbers": frozenset(numbers), "references": NoReferences()}
    )
    return nh3.clean(
        raw,
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=_own_value,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
        # A protocol-relative link passes for a relative one, and leads away all the same.
        url_relative="deny",
    )


class NoReferences(dict[str, Any]):
    """Addresses that stand apart from their links: read, so that they are not shown, and forgotten.

    Such a link hides where it leads, and no model writes one unless a document told it to (L21).
    """

    def __setitem__(self, name: str, address: Any) -> None:
        """Keep nothing."""


class Renderer(RendererHTML):
    """markdown-it's renderer with rules of ours for whatever points outside."""

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Say that an image was left out and from where it would have come: fetching it would tell that host who reads (L21)."""
        host = _host(str(tokens[idx].attrGet("src") or ""))
        return f'<span class="no-image">[image not shown: {html.escape(host)}]</span>'

    def link_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Open a link, and remember its host for the end of it."""
        env.setdefault("hosts", []).append(_host(str(tokens[idx].attrGet("href") or "")))
        return self.renderToken(tokens, idx, options, env)

    def link_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Close a link and show its host, so that no text can pass one site off as another."""
        host = env["hosts"].pop()
        return f'</a> <span class="link-host">({html.escape(host)})</span>'

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Show a listing with Pygments' class names when it names a language that Pygments knows."""
        token = tokens[idx]
        language = token.info.split()[0] if token.info.split() else ""
        return _listing(token.content, language)

    def citation(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Show a citation's number as a button that opens the popover of its source, without any script."""
        number = int(tokens[idx].content)
        return (
            f'<button type="button" class="cite" popovertarget="source-{env["message"]}-{number}" '
            f'aria-label="Source {number}">{number}</button>'
        )


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False}, renderer_cls=Renderer)
    parser.enable(["table", "strikethrough"])
    parser.inline.ruler.before("link", "citation", _citation)
    return parser


def _citation(state: StateInline, silent: bool) -> bool:
    match = MARK.match(state.src, state.pos, state.posMax)
    # Only numbers that this answer really cites become marks; any other [7] stays the text that it is.
    if match is None or int(match[1]) not in state.env.get("numbers", ()):
        return False
    if not silent:
        state.push("citation", "", 0).content = match[1]
    state.pos = match.end()
    return True


def _listing(code: str, language: str) -> str:
    plain = f"<pre><code>{html.escape(code)}</code></pre>"
    if not language or len(code) > LONGEST_LISTING:
        return plain
    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        return plain
    return highlight(code, lexer, HtmlFormatter[str](cssclass="highlight", wrapcode=True))


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        return parts.hostname or (f"{parts.scheme} address" if parts.scheme else "address on this site")
    except ValueError:
        return "unreadable address"


def _own_value(tag: str, attribute: str, value: str) -> Any:  # str, or None to drop the attribute
    rule = OWN_VALUES.get((tag, attribute))
    return value if rule is None or rule.fullmatch(value) else None
