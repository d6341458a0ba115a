"""May this member see this export?"""

from uuid import UUID

from accounts.http import NotVisible
from audit.exports.models import Export


def get_export_or_refuse(export_id: UUID) -> Export:
    """The bound member's own export; any other is as missing as one that never was."""
    export: Export | None = Export.objects.filter(pk=export_id).first()
    if export is None:
        raise NotVisible([export_id])
    return export
