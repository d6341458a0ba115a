"""What do we call a file, whatever its owner or an attacker called it?

A name is only ever shown: it chooses no path and no address. So nothing is forbidden in it but what would deceive the
person who reads it or break the place where it is kept.
"""

import unicodedata

LONGEST = 255
NAMELESS = "Untitled"
# Zero-width, and letters' own all the same: Persian and Indian languages spell with them, and many an emoji is made with one.
NON_JOINER, JOINER = "\u200c", "\u200d"
VIRAMA = 9  # Unicode's class of the signs that silence a vowel
# Extensions up to this long survive when a name has to be cut.
LONGEST_EXTENSION = 12


def display_name(raw: str) -> str:
    """A single line of 1 to 255 visible characters, NFC, without paths, control, bidi or zero-width characters.

    A joiner stays where it joins or parts two letters that show it.
    """
    # What stands before the last slash is somebody's folder; a name of slashes alone has nothing left.
    line = raw.replace("\\", "/").rstrip("/").rpartition("/")[2]
    line = unicodedata.normalize("NFC", line.encode("utf-8", "ignore").decode("utf-8"))
    # Cc: NUL, line ends, escapes. Cf: bidi overrides ("invoice\u202efdp.exe"), zero-width marks. Cs, Co, Cn: no letters.
    line = "".join(" " if unicodedata.category(letter) in {"Zl", "Zp", "Zs"} else letter for letter in line)
    line = "".join(letter for place, letter in enumerate(line) if not is_unshown(line, place))
    line = " ".join(line.split())
    if not line.strip(". "):
        return NAMELESS
    return line if len(line) <= LONGEST else _shortened(line)


def is_unshown(line: str, place: int) -> bool:
    """Is the character at this place no letter, or one that shows nothing where it stands? What differs in it looks alike."""
    letter = line[place]
    if letter in (NON_JOINER, JOINER):
        return not _joins(letter, line[place - 1 : place], line[place + 1 : place + 2])
    return unicodedata.category(letter).startswith("C")


def _joins(joiner: str, before: str, after: str) -> bool:
    """As names of domains have it (RFC 5892), and between the parts of an emoji."""
    if before and unicodedata.combining(before) == VIRAMA:
        return True
    if not (before and after):
        return False
    if joiner == NON_JOINER:
        return unicodedata.bidirectional(before) == unicodedata.bidirectional(after) == "AL"
    return (before == "\ufe0f" or unicodedata.category(before) in {"So", "Sk"}) and unicodedata.category(after) == "So"


def _shortened(line: str) -> str:
    stem, dot, ending = line.rpartition(".")
    if not dot or not stem or len(ending) > LONGEST_EXTENSION:
        return _cut(line, LONGEST - 1)
    return f"{_cut(stem, LONGEST - len(ending) - 2)}.{ending}"


def _cut(text: str, most: int) -> str:
    # What joined two letters is behind one now.
    return text[:most].rstrip(NON_JOINER + JOINER) + "…"
