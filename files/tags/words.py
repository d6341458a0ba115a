"""What is a tag, and when are two of them the same one?

A file's name is somebody else's word as often as not, and is made harmless; a tag is typed by whoever wants it. So what would
deceive a reader, or could not be typed again, is refused with a sentence, and nothing is changed but spaces.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

from files.models import LONGEST_TAG
from files.names import is_unshown

# Between several in one line.
COMMA: Final = ","
# Letters and marks to Unicode, and drawn as nothing: fillers of Hangul, a joiner of marks, unused vowels of Khmer, a Braille cell
# without dots.
BLANK: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


class NoTag(ValueError):
    """This is no tag. The message is a sentence for people."""


def cleaned(raw: str) -> str:
    """The tag as it is kept and shown: one line, without spaces around it, letters composed (NFC). Raises `NoTag`."""
    name = " ".join(unicodedata.normalize("NFC", raw).split())
    if not name:
        raise NoTag("A tag needs at least one letter.")
    if len(name) > LONGEST_TAG:
        raise NoTag(f"A tag has at most {LONGEST_TAG} characters. Choose a shorter word.")
    if COMMA in name:
        raise NoTag("A tag cannot have a comma in it: commas stand between tags.")
    # Cc: NUL and escapes. Cf: bidi overrides and zero-width marks, with which two tags look like one. Cs, Co, Cn: no letters.
    if any(letter in BLANK or is_unshown(name, place) for place, letter in enumerate(name)):
        raise NoTag("A tag cannot have invisible characters in it. Type it anew instead of pasting it.")
    return name


def key_of(name: str) -> str:
    """What two tags have in common that are the same one: "Contracts" and " contracts" are."""
    folded = " ".join(unicodedata.normalize("NFC", name).split()).casefold()
    return unicodedata.normalize("NFC", folded)


def keyed(names: Iterable[str]) -> dict[str, str]:
    """Each tag once, as it was first written, by its key. Raises `NoTag`."""
    found: dict[str, str] = {}
    for name in map(cleaned, names):
        found.setdefault(key_of(name), name)
    return found


def typed(line: str) -> list[str]:
    """The tags in a line that a person typed, with commas between them; none in an empty one. Raises `NoTag`."""
    return list(keyed(word for word in line.split(COMMA) if word.strip()).values())
