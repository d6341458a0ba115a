"""Which work of the audit is done again and again by one worker? Sealing what came into the trail."""

from accounts.rounds import every
from audit import sealing


@every("audit.seal", seconds=5.0)
def seal() -> None:
    """Seal full batches at once, and what is left over once a minute."""
    sealing.seal()
