"""What does a worker do for conversations again and again? Each round is registered here; the worker finds this file by its name."""

from __future__ import annotations

from typing import Final

from accounts.rounds import every
from conversations.completions import services as completions
from conversations.trying import services as trying

COMPLETIONS: Final = "conversations.completions"
TRIALS: Final = "conversations.trials"


@every(COMPLETIONS, seconds=600)
def sweep_completions() -> None:
    """Delete what programs' calls left that were killed."""
    completions.sweep()


@every(TRIALS, seconds=600)
def sweep_trials() -> None:
    """Delete the tries of agents that nobody ended."""
    trying.sweep()
