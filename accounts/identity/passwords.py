"""Which passwords are good enough, and how is a refusal worded so that the next try is better?

NIST SP 800-63B-4: length instead of composition rules, any character, a list of common ones, and words that an attacker
would try first because of who the person is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from django.contrib.auth.password_validation import CommonPasswordValidator

from accounts.identity import breaches
from accounts.identity.hashing import normalized

MINIMUM_ALONE = 15  # characters, where the password is the only factor
MINIMUM_WITH_SECOND = 8  # characters, where a second factor stands behind it
MAXIMUM = 1024  # characters; far beyond any passphrase, so that nobody sends us novels to hash
_OWN_WORD = 8  # characters that have to be left once the guessable ones are taken away
_SHORTEST_WORD = 4  # shorter words stand in too many good passphrases by chance
_SEQUENCES = ("abcdefghijklmnopqrstuvwxyz", "0123456789", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop")


class WeakPassword(Exception):
    """The password would be guessed; the message says why and what to do, for the person who chose it."""


def stands_alone(password: str) -> bool:
    """Is the password long enough to be the only factor?"""
    return len(normalized(password)) >= MINIMUM_ALONE


def check(password: str, *, context: Iterable[str] = (), has_second_factor: bool = False) -> None:
    """Raise ``WeakPassword`` unless the password is good enough to stand alone, or before a second factor.

    ``context`` are words that belong to the person: e-mail address, name, workspace. Raises ``Unavailable`` if a list of
    breached passwords is configured and cannot be read.
    """
    password = normalized(password)
    minimum = MINIMUM_WITH_SECOND if has_second_factor else MINIMUM_ALONE
    if len(password) < minimum:
        raise WeakPassword(
            f"This password has {len(password)} characters. Use at least {minimum}: a few words that you can remember do well."
        )
    if len(password) > MAXIMUM:
        raise WeakPassword(f"This password has {len(password):,} characters. Use at most {MAXIMUM:,}.")
    folded = password.casefold()
    unit = _repeated_unit(folded)
    if unit or _is_sequence(folded):
        raise WeakPassword(
            "This password repeats one pattern, which is among the first things tried. Use a few unrelated words."
        )
    if folded in _common() or re.sub(r"[\W\d_]+", "", folded) in _common():
        raise WeakPassword(
            "This password is on the list of common ones, which are tried first. Use a few unrelated words."
        )
    if _is_mostly(folded, _words(context)):
        raise WeakPassword(
            "This password is mostly your name, your address or a common word. Use a few unrelated words."
        )
    if breaches.contains(password):
        raise WeakPassword(
            "This password was published after somebody else’s breach, so it is among those that are tried. Use another one."
        )


def _words(context: Iterable[str]) -> set[str]:
    words = {"aiaxis", "password", "passwort", "welcome", "letmein", "qwerty", "admin", "secret"}
    for text in context:
        folded = normalized(text).casefold()
        words.add(folded)
        words.update(re.split(r"[\W_]+", folded))
    return {word for word in words if len(word) >= _SHORTEST_WORD}


def _is_mostly(password: str, words: set[str]) -> bool:
    rest = password
    for word in sorted(words, key=len, reverse=True):
        rest = rest.replace(word, "")
    # Digits, years and marks are what people append to a guessable word, so they do not count as something of its own.
    return rest != password and len(re.sub(r"[\W\d_]+", "", rest)) < _OWN_WORD


def _repeated_unit(password: str) -> str | None:
    for length in range(1, len(password) // 2 + 1):
        unit = password[:length]
        if (unit * (len(password) // length + 1))[: len(password)] == password:
            return unit
    return None


def _is_sequence(password: str) -> bool:
    return any(password in run * 3 or password in run[::-1] * 3 for run in _SEQUENCES)


@cache
def _common() -> frozenset[str]:
    # Django's list of 20,000, read once; it ships with Django, so nothing is fetched.
    return frozenset(CommonPasswordValidator().passwords)
