"""Which work of the audit is done in the background?

Sealing what came into the trail, telling of it, checking it, letting it go in its time, and writing exports of it.
"""

from uuid import UUID

from accounts.http import Tenant
from accounts.jobs import job
from accounts.rounds import every
from audit import sealing
from audit.checks import running
from audit.checks import services as checks
from audit.exports import services as exports
from audit.notices import deciding, keeping, sending
from audit.retention import leaving


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


@every("audit.leave", seconds=3600.0)
def leave() -> None:
    """Make the coming months' pieces, and let go what has been kept long enough."""
    leaving.leave()


@every(checks.CHECK_ROUND, seconds=5.0)
def check() -> None:
    """Compare the trail with its seals for everybody who asked."""
    running.run_checks()


@every(checks.PROOF_ROUND, seconds=5.0)
def prove() -> None:
    """Prove the isolation for an operator who asked."""
    running.run_proof()


def mark_failed(tenant: Tenant, export_id: str) -> None:
    """After the last failed attempt the export says so, instead of waiting for ever."""
    exports.fail(actor=tenant, export_id=UUID(export_id))


# In a row with exports of the whole workspace (aiaxis/jobs.py).
@job("audit.export", serial="export_id", lanes=1, rows="moving", gave_up=mark_failed)
def export(tenant: Tenant, export_id: str) -> None:
    """Write one export of the trail."""
    exports.write(actor=tenant, export_id=UUID(export_id))
