"""Which work of the audit is done again and again by one worker? Sealing what came into the trail, and telling of it."""

from accounts.rounds import every
from audit import sealing
from audit.notices import deciding, keeping, sending


@every("audit.seal", seconds=5.0)
def seal() -> None:
    """Seal full batches at once, and what is left over once a minute."""
    sealing.seal()


@every("audit.decide", seconds=0.5)
def decide() -> None:
    """Judge what was stored since, and put what is to be said into the outbox."""
    deciding.decide()


@every("audit.send", seconds=0.5)
def send() -> None:
    """Send what waits in the outbox."""
    sending.send()


@every("audit.look_after", seconds=15.0)
def look_after() -> None:
    """Give signs of life, look at the pipeline, tidy up."""
    keeping.watch()
    keeping.beat()
    keeping.tidy()
