"""Which rows does the roof keep? Those that hold what every floor brings."""

from aiaxis.exports.models import WorkspaceExport
from aiaxis.imports.models import WorkspaceImport

__all__ = ["WorkspaceExport", "WorkspaceImport"]
