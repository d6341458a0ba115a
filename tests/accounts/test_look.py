"""Do the tokens keep their promise of contrast, and do names and moments become the right words?"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote
from uuid import UUID

import pytest
from django import forms
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.urls import resolve
from django.utils import timezone

from accounts.templatetags import look
from tests.cast import ALICE
from tests.environment import ROOT

TOKENS = re.compile(r"--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)")
STATES = ("ok", "notice", "warning", "danger", "accent")
PAGES = ("neutral-1", "neutral-2", "neutral-3", "neutral-4", "floating", "floating-hover")


def tokens() -> dict[str, tuple[str, str]]:
    found = finders.find("aiaxis/tokens.css")
    assert isinstance(found, str)
    return {name: (light, dark) for name, light, dark in TOKENS.findall(Path(found).read_text())}


def luminance(colour: str) -> float:
    # WCAG 2.2, relative luminance.
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


PAIRS = (
    *[(text, page, 4.5) for text in ("neutral-11", "neutral-12", "accent-text", "danger-text") for page in PAGES],
    *[(f"{state}-text", f"{state}-surface", 4.5) for state in STATES],
    *[(f"hue-{number}-text", f"hue-{number}", 4.5) for number in range(look.HUES)],
    ("neutral-12", "mark", 7.0),
    ("neutral-8", "neutral-1", 3.0),
    ("neutral-8", "neutral-2", 3.0),
)


@pytest.mark.parametrize(("text", "surface", "least"), PAIRS)
def test_text_and_borders_stand_out_in_both_schemes(text: str, surface: str, least: float) -> None:
    colours = tokens()
    for scheme in (0, 1):
        assert contrast(colours[text][scheme], colours[surface][scheme]) >= least


@pytest.mark.parametrize("solid", ["accent", "accent-hover", "danger-solid", "danger-solid-hover", "operator"])
def test_white_words_on_a_solid_button_can_be_read(solid: str) -> None:
    assert all(contrast("#ffffff", colour) >= 4.5 for colour in tokens()[solid])


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Alice Archer", "AA"),
        ("acme", "A"),
        ("  ", "?"),
        ("…", "?"),
        (None, "?"),
        ("Łódź straße", "ŁS"),
        ("a b c", "AC"),
    ],
)
def test_initials_are_one_or_two_letters(name: str | None, letters: str) -> None:
    assert look.initials(name) == letters


def test_a_name_keeps_its_hue() -> None:
    assert look.hue("Acme") == look.hue("Acme")
    assert {look.hue(f"name {number}") for number in range(100)} == set(range(look.HUES))


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        (timedelta(seconds=5), "just now"),
        (timedelta(seconds=-5), "in a moment"),
        (timedelta(minutes=1, seconds=5), "1 minute ago"),
        (timedelta(hours=5, minutes=59), "5 hours ago"),
        (timedelta(days=-2, minutes=-1), "in 2 days"),
        (timedelta(days=29), "29 days ago"),
    ],
)
def test_a_moment_is_told_as_a_distance(distance: timedelta, words: str) -> None:
    assert look.ago(timezone.now() - distance) == words


def test_a_moment_long_ago_is_told_as_a_date() -> None:
    assert look.ago(datetime(2020, 3, 4, 12, 0, tzinfo=UTC)) == "4 Mar 2020"
    assert look.moment(datetime(2026, 11, 23, 15, 4, tzinfo=UTC)) == "23 Nov 2026, 15:04 UTC"


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140 Safari/537.36",
            "Chrome on Linux",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit Chrome/140 Safari/537.36 Edg/140", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18 Safari/604", "Safari on iPhone"),
        ("curl/8.5", "curl/8.5"),
        ("", "A browser that gave no name"),
    ],
)
def test_a_user_agent_is_told_in_words(claim: str, words: str) -> None:
    assert look.browser(claim) == words


def test_the_summary_names_only_the_fields_that_failed() -> None:
    class Form(forms.Form):
        name = forms.CharField()
        age = forms.IntegerField(required=False)

    assert [field.name for field in look.failing(Form({"age": "7"}))] == ["name"]
    assert look.tone("error") == "danger"
    assert look.equals(1, 1)


SCRIPTED = re.compile(r'\.key (?:===|!==) "([^"]+)"|\b(Arrow\w+|Home|End): ')
PLACED = re.compile(r'\bshortcut="([^"{]+)"')


def test_the_list_of_keys_names_those_that_the_pages_know_and_no_other() -> None:
    """What a person is told about the keyboard stands in one place, and is what the scripts do."""
    listed = re.findall(r'data-key="([^"]+)"', render_to_string("components/shortcuts.html"))
    scripts = "".join(path.read_text() for path in (ROOT / "aiaxis/static/aiaxis").glob("*.js"))
    templates = "".join(path.read_text() for path in (ROOT / "templates").rglob("*.html"))
    known = {one or other for one, other in SCRIPTED.findall(scripts)} | set(PLACED.findall(templates))
    assert {"/", "n", "?", "Escape", "ArrowDown"} <= known
    assert sorted(listed) == sorted(known)


GLYPH = re.compile(r'\.glyph--([a-z-]+) \{ --glyph: url\("data:image/svg\+xml,([^"]+)"\); \}')
SYMBOL = re.compile(r'<symbol id="([a-z-]+)" ([^>]*)>(.*?)</symbol>')
OF_BADGES = re.compile(r'components/badge\.html" with [^%]*\bicon="([a-z-]+)"')


def test_the_icon_of_each_badge_is_the_one_of_that_name() -> None:
    """The style draws those of badges: one that is missing there would be a blank square."""
    folder = ROOT / "aiaxis/static/aiaxis"
    drawn = {name: unquote(image) for name, image in GLYPH.findall((folder / "badges.css").read_text())}
    templates = "".join(path.read_text() for path in (ROOT / "templates").rglob("*.html"))
    # What `aiaxis/protection/facts.py` says is a state, whose icon has its name.
    assert {*OF_BADGES.findall(templates), "ok", "notice", "warning", "danger"} == set(drawn)
    for name, shared, inside in SYMBOL.findall((folder / "icons.svg").read_text()):
        whole = f'<svg xmlns="http://www.w3.org/2000/svg" {shared}>{inside}</svg>'
        assert drawn.get(name, whole.replace('"', "'")) == whole.replace('"', "'")


@pytest.mark.parametrize(
    ("address", "label"),
    [
        ("/tools/", "Settings"),
        ("/models/", "Settings"),
        ("/people/", "People"),
        ("/conversations/", "Conversations"),
        ("/conversations/feedback/some-agent/", "Agents"),
        (f"/conversations/try/{UUID(int=7)}/", "Agents"),
    ],
)
def test_the_rail_says_in_which_part_of_the_product_a_page_is(address: str, label: str) -> None:
    request = RequestFactory().get(address)
    request.tenant, request.resolver_match = ALICE.tenant, resolve(address)  # type: ignore[attr-defined]  # as the middleware does
    rail = render_to_string("components/rail.html", {"request": request, "without_forms": True})
    assert re.findall(r'aria-current="page">.*?<span>([^<]+)</span>', rail, re.DOTALL) == [label]
