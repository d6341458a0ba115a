"""How does a text become a picture that a phone can read, without a picture file and without markup that has to be trusted?

As the numbers of one SVG path, which a template writes into attributes: nothing here is marked safe, and no inline style.
"""

from __future__ import annotations

from dataclasses import dataclass

import segno

_BORDER = 4  # modules of white around it, which readers need (ISO/IEC 18004)


@dataclass(frozen=True, slots=True)
class Picture:
    """A square of ``size`` units; ``path`` draws the dark ones."""

    size: int
    path: str


def picture(text: str) -> Picture:
    """The QR code of a text, with a correction level that a smudged screen survives."""
    rows = segno.make_qr(text, error="m").matrix
    steps = [
        f"M{column + _BORDER} {row + _BORDER}h1v1h-1z"
        for row, modules in enumerate(rows)
        for column, dark in enumerate(modules)
        if dark
    ]
    return Picture(len(rows) + 2 * _BORDER, "".join(steps))
