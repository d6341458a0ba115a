"""What may an entry say, and how is everything else kept out of it?

Nothing is copied from a request unless it stands on a list here. What is copied is cut to 512 characters, put on one
line, stripped of characters that could steer a terminal, a log viewer or a reader's eye, and searched for things that
look like secrets. Sources: OWASP Logging Cheat Sheet ("Data to exclude"), CVE-2021-42574 (bidirectional text).
"""

import hashlib
import hmac
import ipaddress
import logging
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from django.conf import settings

LIMIT = 512
LOG_LIMIT = 2048
KEY_LIMIT = 64
KEYS_AT_MOST = 24

HEADERS = frozenset(
    {
        "accept",
        "accept-language",
        "content-length",
        "content-type",
        "hx-request",
        "last-event-id",
        "range",
        "sec-fetch-dest",
        "sec-fetch-mode",
        "sec-fetch-site",
        "user-agent",
    }
)
"""The headers whose values are kept. Host, Origin and Referer are kept as a bare host, see ``headers``."""

_ORIGINS = frozenset({"host", "origin", "referer"})

_SECRET = re.compile(
    r"""
      (?i:\b(?:bearer|basic|token|digest)\s+)[^\s,;]+                     # a credential in its usual wording
    | //[^/@\s]{1,256}@                                                   # user and password inside an address
    | \beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,2}                     # a JSON web token
    | \b[A-Za-z]{2,8}_[A-Za-z0-9_-]{16,}                                  # sk_live_…, ghp_… and keys of our own
    | (?i:\b(?:password|passwd|secret|code|state|token|api[-_]?key)=)[^\s&;]*
    """,
    re.VERBOSE,
)
_HINT = re.compile(r"[ _=@]|eyJ")
"""Without one of these no alternative of ``_SECRET`` can match: the cheap question before the expensive one."""

_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_BETWEEN = re.compile(r"([ ?])")
"""What ends a path in a sentence."""
_OPAQUE = re.compile(r"(?=[^/]*[0-9])[A-Za-z0-9_.~-]{24,}")


def clean(value: object, limit: int = LIMIT) -> str:
    r"""``value`` as at most ``limit`` harmless characters on one line.

    Control characters, ESC, bidirectional marks, U+2028/9, lone surrogates and every other character that Unicode
    calls unprintable come out as ``\u{...}`` escapes. What is cut off is marked by "…".
    """
    text = value if isinstance(value, str) else str(value)
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isprintable():
        return text
    escaped = "".join(char if char.isprintable() else f"\\u{{{ord(char):x}}}" for char in text)
    return escaped if len(escaped) <= limit else escaped[: limit - 1] + "…"


def free_text(value: str, limit: int = LIMIT) -> str:
    """``clean``, and with everything that looks like a credential blotted out: for what a client may word freely."""
    return _free_text(value[: 2 * limit], limit)


@lru_cache(maxsize=2048)
def _free_text(value: str, limit: int) -> str:
    # Remembered, because user agents and accept headers repeat, and the search costs more than writing the entry.
    return clean(_SECRET.sub("[redacted]", value) if _HINT.search(value) else value, limit)


def path(value: str) -> str:
    """A request's path in which long opaque segments (invitation and reset links carry tokens) are cut to a hint.

    UUIDs stay: they are the ids that a reader of the trail looks for, and they open nothing by themselves.
    """
    text = value[: 2 * LIMIT]
    segments = text.split("/")
    for number, segment in enumerate(segments):
        if len(segment) >= 24 and not _UUID.fullmatch(segment) and _OPAQUE.fullmatch(segment):
            segments[number] = segment[:4] + "[redacted]"
    return free_text("/".join(segments))


def headers(sent: Mapping[str, str]) -> dict[str, str]:
    """The listed headers, names in lower case; addresses of pages are reduced to their host, without any user."""
    kept = {}
    for name, value in sent.items():
        lower = name.lower()
        if lower in HEADERS:
            kept[lower] = free_text(value, 256)
        elif lower in _ORIGINS:
            kept[lower] = host(value)
    return kept


def host(value: str) -> str:
    """The host and port of an address or a Host header, without scheme, user, path and query; "" when unreadable."""
    try:
        parts = urlsplit(value if "//" in value else f"//{value}")
    except ValueError:
        return ""
    return clean(parts.netloc.rpartition("@")[2], 255)


def names(keys: Iterable[str]) -> list[str]:
    """The names of parameters, never their values, at most 24 of them with at most 64 characters each."""
    kept: list[str] = []
    for key in keys:
        if len(kept) == KEYS_AT_MOST:
            kept.append("…")
            break
        kept.append(clean(path(key), KEY_LIMIT))
    return kept


@lru_cache(maxsize=1024)
def address(value: str) -> str | None:
    """``value`` as one canonical IP address (an IPv4 address wrapped in IPv6 is unwrapped), or None if it is none."""
    try:
        parsed = ipaddress.ip_address(value.strip())
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed.ipv4_mapped or ipaddress.IPv6Address(int(parsed)))
    return str(parsed)


@lru_cache(maxsize=1024)
def network(value: str) -> str:
    """The network that one attacker commands: an IPv4 address itself, an IPv6 address's first 64 bits."""
    parsed = ipaddress.ip_address(value)
    return str(ipaddress.ip_network(f"{parsed}/{32 if parsed.version == 4 else 64}", strict=False))


def pseudonym(kind: str, value: str) -> str:
    """A keyed fingerprint (32 hex digits) by which entries about the same secret can be joined without telling it."""
    return fingerprint(kind, value.encode("utf-8", "backslashreplace"))


def fingerprint(kind: str, value: bytes) -> str:
    """``pseudonym`` of bytes."""
    return hmac.digest(_key(settings.SECRET_KEY), kind.encode() + b":" + value, "sha256").hex()[:32]


def mask(typed: str) -> str:
    """A user name as its owner would recognise it and nobody else: people type passwords into that field, with an @ too."""
    name, _, domain = typed.strip().rpartition("@")
    ending = domain.rpartition(".")[2] if "." in domain else ""
    shown = f".{ending}" if ending.isalpha() and len(ending) <= 4 else ""
    return clean(f"{name[:1]}…@{domain[:1] if name else ''}…{shown}", 24)


class LogLine(logging.Filter):
    """Makes every log record one redacted line: a path or a header in a message is as hostile here as in an entry."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the message by what may be said of it; always lets the record pass."""
        words = _BETWEEN.split(_said(record))
        # By words for paths, and as a whole for what is only recognised by the word before it.
        record.msg, record.args = free_text("".join(path(word) for word in words), LOG_LIMIT), ()
        return True


def _said(record: logging.LogRecord) -> str:
    """What the record says. A filter that raises ends whatever logs, which Python's own handlers see to that no line does."""
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - whatever the values of a line do when they are put into words
        # They stay away, since they may be anything.
        shown = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        return f"{shown} [its values do not fit]"


@lru_cache(maxsize=4)
def _key(secret: str) -> bytes:
    """A key of its own for pseudonyms, so that a fingerprint is useless against anything else signed with the secret."""
    return hashlib.sha256(b"aiaxis.audit.pseudonym:" + secret.encode()).digest()
