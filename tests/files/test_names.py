"""Is any name safe to keep and to show?"""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from files.names import LONGEST, NAMELESS, display_name


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("refund-policy.pdf", "refund-policy.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("a\x00b.txt", "ab.txt"),
        ("in\u202evoice\u202cfdp.exe", "invoicefdp.exe"),
        ("zero\u200bwidth.txt", "zerowidth.txt"),
        ("line\r\nSet-Cookie: x.txt", "lineSet-Cookie: x.txt"),
        ("CON", "CON"),
        ("report.txt...", "report.txt..."),
        ("  spaced   out .txt ", "spaced out .txt"),
        ("", NAMELESS),
        ("...", NAMELESS),
        ("///", NAMELESS),
        ("<img src=x onerror=alert(1)>.html", "<img src=x onerror=alert(1)>.html"),
        ("Prüfung.pdf", "Prüfung.pdf"),
        ("Pru\u0308fung.pdf", "Prüfung.pdf"),
        ("عقد.pdf", "عقد.pdf"),
    ],
)
def test_a_name_is_kept_readable_and_loses_what_deceives(raw: str, shown: str) -> None:
    """L28: `../`, `..\\`, NUL, CON, RTL override, trailing dots: only ever shown, never a path."""
    assert display_name(raw) == shown


def test_three_hundred_characters_are_cut_and_keep_their_ending() -> None:
    """L28: a 300-character name."""
    name = display_name("a" * 300 + ".docx")
    assert len(name) == LONGEST
    assert name.endswith("….docx")


@given(st.text(max_size=600))
def test_every_name_is_one_visible_line(raw: str) -> None:
    name = display_name(raw)
    assert 1 <= len(name) <= LONGEST
    assert "/" not in name
    assert not any(unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for letter in name)
    assert display_name(name) == name
