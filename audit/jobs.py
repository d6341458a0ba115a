"""Which work of the audit is done in the background? Sealing what came into the trail, and writing exports of it."""

from uuid import UUID

from accounts.http import Tenant
from accounts.jobs import job
from accounts.rounds import every
from audit import sealing
from audit.exports import services as exports


@every("audit.seal", seconds=5.0)
def seal() -> None:
    """Seal full batches at once, and what is left over once a minute."""
    sealing.seal()


def mark_failed(tenant: Tenant, export_id: str) -> None:
    """After the last failed attempt the export says so, instead of waiting for ever."""
    exports.fail(actor=tenant, export_id=UUID(export_id))


@job("audit.export", serial="export_id", gave_up=mark_failed)
def export(tenant: Tenant, export_id: str) -> None:
    """Write one export of the trail."""
    exports.write(actor=tenant, export_id=UUID(export_id))
