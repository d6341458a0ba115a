"""How do names, moments and states become words and marks on a page?"""

from __future__ import annotations

import json
import unicodedata
import zlib
from datetime import datetime

from django import template
from django.forms import BaseForm, BoundField
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.submissions import new_submission

register = template.Library()

HUES = 6
# Django's own levels of messages, in the words of our four states.
TONES = {"debug": "notice", "info": "notice", "success": "ok", "warning": "warning", "error": "danger"}
# The first of these that stands in a user agent's own words names the browser; Chrome says Safari too, Edge says Chrome.
BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox", "Firefox"), ("Chrom", "Chrome"), ("Safari", "Safari"))
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
MINUTE, HOUR, DAY = 60, 3600, 86400


@register.simple_tag
def submission() -> SafeString:
    """The hidden field that marks one submit of the form around it, so that pressing twice makes one thing."""
    return format_html('<input type="hidden" name="submission" value="{}">', new_submission())


@register.filter
def initials(name: object) -> str:
    """One or two capital letters that stand for a name; "?" for a name without a letter or digit."""
    words = [word for word in str(name or "").replace("@", " ").split() if word[0].isalnum()]
    letters = [words[0][0], words[-1][0]] if len(words) > 1 else [words[0][0]] if words else ["?"]
    return unicodedata.normalize("NFC", "".join(letters)).upper()[:2]


@register.filter
def hue(name: object) -> int:
    """The number (0 to 5) of the hue that always goes with this name. It tells apart; it proves nothing."""
    return zlib.crc32(str(name or "").encode("utf-8", "replace")) % HUES


@register.filter
def moment(when: datetime) -> str:
    """A moment in the server's zone, such as "23 Nov 2026, 15:04 UTC"."""
    local = timezone.localtime(when)
    return f"{local.day} {local:%b %Y, %H:%M %Z}"


@register.filter
def ago(when: datetime) -> str:
    """A moment as a distance from now, such as "3 minutes ago"; a date when it is a month or more away."""
    seconds = (timezone.now() - when).total_seconds()
    distance = abs(seconds)
    if distance < MINUTE:
        return "just now" if seconds >= 0 else "in a moment"
    if distance >= 30 * DAY:
        local = timezone.localtime(when)
        return f"{local.day} {local:%b %Y}"
    size, unit = next(pair for pair in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")) if distance >= pair[0])
    count = int(distance // size)
    words = f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{words} ago" if seconds >= 0 else f"in {words}"


@register.filter
def browser(user_agent: str) -> str:
    """A user agent in words, such as "Firefox on Windows". It is what the client claims, and proves nothing."""
    name = next((word for mark, word in BROWSERS if mark in user_agent), "")
    system = next((word for mark, word in SYSTEMS if mark in user_agent), "")
    if name and system:
        return f"{name} on {system}"
    return name or system or user_agent[:60] or "A browser that gave no name"


@register.filter
def tone(level: str) -> str:
    """The state ("ok", "notice", "warning", "danger") that shows a message of Django's level."""
    return TONES.get(level, "notice")


@register.filter
def counted(number: int) -> str:
    """A number that people can read at a glance: 12,345."""
    return f"{number:,}"


@register.filter
def equals(left: object, right: object) -> bool:
    """Whether two values are equal, for an include's argument."""
    return left == right


@register.filter
def as_json(value: object) -> str:
    """A value as indented JSON, for people to read; the page escapes it like any other text."""
    return json.dumps(value, ensure_ascii=False, indent=2)


@register.filter
def failing(form: BaseForm) -> list[BoundField]:
    """The form's fields that have errors, in the form's order."""
    return [field for field in form if field.errors]
