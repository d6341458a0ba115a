"""What follows when a copy of the trail is ordered? A job writes it, handed in with the order."""

from __future__ import annotations

from django.dispatch import receiver

from accounts.jobs import enqueue
from audit import jobs, signals
from audit.exports.models import Export


@receiver(signals.export_ordered, sender=Export, dispatch_uid="audit_exports_write")
def write_it(sender: type[Export], target: Export, **facts: object) -> None:
    """Hand the job in, in the transaction of the order: both or neither."""
    enqueue(jobs.export, export_id=str(target.pk))
