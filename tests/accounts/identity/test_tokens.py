"""Are tokens and keys what they should be: unguessable, recognisable, stored only as two different hashes?"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.identity import tokens


def test_a_token_has_256_bits_and_none_comes_twice() -> None:
    made = {tokens.new_token() for _ in range(1000)}
    assert len(made) == 1000
    assert all(len(token) == 43 and tokens.is_plausible_token(token) for token in made)


def test_a_key_fits_the_pattern_that_secret_scanners_are_told() -> None:
    for _ in range(200):
        value = tokens.new_key()
        assert re.fullmatch(tokens.KEY_PATTERN, value)
        assert tokens.is_well_formed_key(value)


def test_a_key_with_one_wrong_character_is_no_key() -> None:
    value = tokens.new_key()
    for place in range(len(tokens.KEY_PREFIX), len(value)):
        wrong = value[:place] + ("a" if value[place] != "a" else "b") + value[place + 1 :]
        assert not tokens.is_well_formed_key(wrong)


@given(st.text(max_size=80))
def test_no_other_text_is_taken_for_one(text: str) -> None:
    assert not tokens.is_well_formed_key(text)
    if tokens.is_plausible_token(text):
        assert re.fullmatch(r"[0-9A-Za-z_-]{40,64}", text)


@pytest.mark.parametrize("value", ["", "null", "undefined", "None", "aiaxis_", "aiaxis_null", "\x00" * 43])
def test_an_empty_or_null_value_is_neither(value: str) -> None:
    """L43."""
    assert not tokens.is_plausible_token(value)
    assert not tokens.is_well_formed_key(value)


def test_what_is_shown_of_a_key_leaves_it_unguessable() -> None:
    value = tokens.new_key()
    assert value.startswith(tokens.shown_part(value))
    assert len(tokens.shown_part(value)) == 13
