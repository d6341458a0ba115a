"""Which passwords are good enough?"""

from __future__ import annotations

import pytest

from accounts.identity import passwords

CONTEXT = ("bob.miller@acme.test", "Bob Miller", "Acme Widgets")


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "seventeen unrelated herons",
        " spaces at both ends ",
        "пятнадцать цапель стоят",
        "十五羽の鷺が静かな池の畔に立っている",
        "🦩🦆🦢🦉🦅🦜🦚🦃🐓🐔🐧🐦🐤🐣🐥",
        "8472 9173 5510 2839",
        "x9$Lq2!vR7@pZ4&m",
        "w" + "o" * 3 + "rd after word after word" * 10,
        "my widgets love long walks at dusk",
    ],
)
def test_it_takes(password: str) -> None:
    passwords.check(password, context=CONTEXT)


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("", "has 0 characters"),
        ("fourteen chars", "has 14 characters"),
        ("x" * 1025, "at most 1,024"),
        ("aaaaaaaaaaaaaaaaaaaa", "repeats one pattern"),
        ("abcabcabcabcabcabc", "repeats one pattern"),
        ("password1password1", "repeats one pattern"),
        ("abcdefghijklmnopqrstuvwxyz", "repeats one pattern"),
        ("zyxwvutsrqponmlk", "repeats one pattern"),
        ("012345678901234567", "repeats one pattern"),
        ("1234567890123456789", "repeats one pattern"),
        ("bob.miller@acme.test", "mostly your name"),
        ("BobMiller1987!!!", "mostly your name"),
        ("AcmeWidgets2026!", "mostly your name"),
        ("Password-2026-2027", "common"),
        ("aiaxis aiaxis 2026", "mostly your name"),
    ],
)
def test_it_refuses(password: str, says: str) -> None:
    with pytest.raises(passwords.WeakPassword, match=says):
        passwords.check(password, context=CONTEXT)


def test_it_counts_characters_as_composed() -> None:
    """A letter and its accent, typed apart, are one character: 14 of them are too few."""
    with pytest.raises(passwords.WeakPassword, match="has 14 characters"):
        passwords.check("e\u0301" * 13 + "x")
