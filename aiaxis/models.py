"""Which rows does the roof keep? Those that hold what every floor brings."""

from aiaxis.exports.models import WorkspaceExport

__all__ = ["WorkspaceExport"]
