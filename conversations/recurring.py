"""What does a worker do for conversations again and again? Each round is registered here; the worker finds this file by its name."""

from __future__ import annotations

from accounts.rounds import every
from conversations.keeping import services as keeping
from conversations.keeping import temporary


@every("conversations.keep", seconds=600.0)
def keep() -> None:
    """Delete temporary conversations whose time is over, and what nobody used for as long as its workspace chose."""
    temporary.erase_due()
    keeping.let_go_due()
