"""Is any name safe to keep and to show?"""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from files.names import JOINER, LONGEST, NAMELESS, NON_JOINER, display_name


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
        # A joiner that spells stays, and nothing else that shows nothing: "want" in Persian, a letter of Hindi, a woman at a computer.
        ("می\u200cخواهم.pdf", "می\u200cخواهم.pdf"),
        ("क्\u200dष.pdf", "क्\u200dष.pdf"),
        ("\U0001f469\u200d\U0001f4bb.md", "\U0001f469\u200d\U0001f4bb.md"),
        ("con\u200ctract\u200ds\u200c.pdf", "contracts.pdf"),
        ("می\u200c\u200cخ\u200c.pdf", "میخ.pdf"),
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


def test_a_name_that_is_cut_behind_a_joiner_keeps_none() -> None:
    name = display_name("م\u200c" * 200 + "م.pdf")
    assert name.endswith("م….pdf")
    assert display_name(name) == name


SPELLED = st.text(alphabet=f"می{NON_JOINER}{JOINER}क्ष\U0001f469\U0001f4bb\ufe0f\u200bab ./", max_size=600)


@given(st.text(max_size=600) | SPELLED)
def test_every_name_is_one_visible_line(raw: str) -> None:
    name = display_name(raw)
    assert 1 <= len(name) <= LONGEST
    assert "/" not in name
    shown = name.replace(NON_JOINER, "").replace(JOINER, "")
    assert not any(unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for letter in shown)
    assert display_name(name) == name
