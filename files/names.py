"""What do we call a file, whatever its owner or an attacker called it?

A name is only ever shown: it chooses no path and no address. So nothing is forbidden in it but what would deceive the
person who reads it or break the place where it is kept.
"""

import unicodedata

LONGEST = 255
NAMELESS = "Untitled"
# Extensions up to this long survive when a name has to be cut.
LONGEST_EXTENSION = 12


def display_name(raw: str) -> str:
    """A single line of 1 to 255 visible characters, NFC, without paths, control, bidi or zero-width characters."""
    # What stands before the last slash is somebody's folder; a name of slashes alone has nothing left.
    line = raw.replace("\\", "/").rstrip("/").rpartition("/")[2]
    line = unicodedata.normalize("NFC", line.encode("utf-8", "ignore").decode("utf-8"))
    # Cc: NUL, line ends, escapes. Cf: bidi overrides ("invoice\u202efdp.exe"), zero-width marks. Cs, Co, Cn: no letters.
    line = "".join(" " if unicodedata.category(letter) in {"Zl", "Zp", "Zs"} else letter for letter in line)
    line = " ".join("".join(letter for letter in line if not unicodedata.category(letter).startswith("C")).split())
    if not line.strip(". "):
        return NAMELESS
    return line if len(line) <= LONGEST else _shortened(line)


def _shortened(line: str) -> str:
    stem, dot, ending = line.rpartition(".")
    if not dot or not stem or len(ending) > LONGEST_EXTENSION:
        return line[: LONGEST - 1] + "…"
    return stem[: LONGEST - len(ending) - 2] + "…." + ending
