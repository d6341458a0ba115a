"""Which words are tags, and which two are the same one?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from files.models import LONGEST_TAG
from files.tags.words import NoTag, cleaned, key_of, keyed, typed


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (" Contracts ", "Contracts"),
        ("due \t in   May", "due in May"),
        ("Pru\u0308fung", "Prüfung"),
        ("عقد", "عقد"),
        ("<b>", "<b>"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("\U0001f469\u200d\U0001f4bb", "\U0001f469\u200d\U0001f4bb"),
        ("a" * LONGEST_TAG, "a" * LONGEST_TAG),
    ],
)
def test_a_tag_is_kept_as_it_was_typed_but_for_spaces(raw: str, kept: str) -> None:
    assert cleaned(raw) == kept


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("", "at least one letter"),
        (" \n ", "at least one letter"),
        ("a" * (LONGEST_TAG + 1), "at most 40 characters"),
        ("contracts, 2026", "comma"),
        ("in\u202evoice", "invisible"),
        ("zero\u200bwidth", "invisible"),
        ("con\u200ctracts", "invisible"),
        ("می\u200c", "invisible"),
        ("\u3164", "invisible"),
        ("policy\u115f", "invisible"),
        ("a\x00b", "invisible"),
        ("a\x1b[1m", "invisible"),
        ("\ud800", "invisible"),
    ],
)
def test_what_would_deceive_or_could_not_be_typed_again_is_refused_with_a_sentence(raw: str, why: str) -> None:
    """L28: two tags that look like one, or turn a line around, are none."""
    with pytest.raises(NoTag, match=why):
        cleaned(raw)


def test_capitals_and_spaces_make_no_other_tag() -> None:
    assert key_of("Contracts") == key_of(" CONTRACTS ") == "contracts"
    assert key_of("Straße") == key_of("STRASSE")
    assert keyed(["Contracts", "2026", "contracts"]) == {"contracts": "Contracts", "2026": "2026"}
    assert typed(" Contracts, ,2026,contracts, ") == ["Contracts", "2026"]
    assert typed(" , ") == []


@given(st.text(max_size=60))
def test_every_tag_has_room_and_stays_what_it_is(raw: str) -> None:
    try:
        name = cleaned(raw)
    except NoTag:
        return
    assert cleaned(name) == name
    assert 1 <= len(name) <= LONGEST_TAG
    assert 1 <= len(key_of(name)) <= 3 * LONGEST_TAG
