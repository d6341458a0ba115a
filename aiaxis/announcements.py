"""What does an installation say while it starts, stays up and stops, and to whom?

To a person at a terminal on the screen, as it is read there; to whoever collects lines as records like all others.
"""

from __future__ import annotations

import logging
from typing import Final

from django.conf import settings
from rich.console import Console
from rich.text import Text

logger = logging.getLogger("aiaxis.start")
console: Final = Console(highlight=False, soft_wrap=True)


def say(sentence: str) -> None:
    """Say one thing that happened; `sentence` may carry rich's markup."""
    if settings.LOG_FORMAT == "plain":
        console.print(sentence)
    else:
        logger.info(Text.from_markup(sentence).plain.strip())


def show(line: str) -> None:
    """Show a person something that no log may hold, such as the passwords of the demo; elsewhere it is not said at all."""
    if settings.LOG_FORMAT == "plain":
        console.print(line, markup=False)
