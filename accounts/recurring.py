"""What does a worker do for accounts again and again? Each round is registered here; the worker finds this file by its name."""

from __future__ import annotations

from typing import Final

from accounts.glass import services as glass
from accounts.identity import providers
from accounts.repeats import services as repeats
from accounts.rounds import every
from accounts.services import erasing, key_warnings

WORKOS: Final = "workos.events"
KEYS_ENDING: Final = "keys.ending"
GLASS: Final = "glass.settle"


@every(WORKOS, seconds=1)
def follow_workos() -> None:
    """Tell WorkOS what ended here, and act on what happened there."""
    if not providers.has_workos():
        return
    # It brings WorkOS's SDK, which takes a second to load and is of no use to an installation without it.
    from accounts.services import directory

    directory.follow()


@every("accounts.erase", seconds=600)
def erase_workspaces() -> None:
    """Erase the workspaces whose day has come."""
    erasing.erase_due()


@every(KEYS_ENDING, seconds=600)
def warn_of_ending_keys() -> None:
    """Tell people whose keys are about to end."""
    key_warnings.warn()


@every(GLASS, seconds=5)
def settle_visits() -> None:
    """Record visits that time or the end of a session has closed. The database shows nothing by them since that moment."""
    glass.settle()


@every("accounts.repeats", seconds=600)
def sweep_repeats() -> None:
    """Delete what programs were answered more than a day ago."""
    repeats.sweep()
