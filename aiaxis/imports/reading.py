"""How is an imported file read, whoever it belongs to? Its quotes find their passages as after every reading (`conversations/receivers.py`)."""

from __future__ import annotations

from uuid import UUID

from accounts.http import Tenant
from accounts.tenancy.context import whole_workspace
from files import services as files
from files.refusals import SENTENCES, Reason


def read(*, actor: Tenant, file_id: UUID) -> None:
    """Check, extract and index it as after an upload. Raises as that does."""
    # The whole workspace: its owner came in as a name, and nobody can act for them.
    with whole_workspace(actor.workspace_id):
        files.read(actor=actor, file_id=file_id)


def give_up(*, actor: Tenant, file_id: UUID) -> None:
    """Say of the file that it could not be read."""
    with whole_workspace(actor.workspace_id):
        reason = Reason.UNFINISHED
        files.refuse(actor=actor, file_id=file_id, reason=reason, sentence=SENTENCES[reason])
