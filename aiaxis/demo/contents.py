"""What do the owners of the demo's workspaces have: which documents?

Everything is made through the services that a request calls, as the owner and inside the fence, so the demo holds
nothing that a person could not have made, and the trail tells of it.
"""

from __future__ import annotations

from pathlib import Path

from accounts.http import Tenant
from aiaxis.demo import rendering
from files import services as files
from files.models import File, Visibility

DOCUMENTS = Path(__file__).with_name("documents")
SHELVES = {
    "Acme": ("refund-policy.pdf", "security-handbook.docx", "travel-policy.docx"),
    "Birch": ("site-safety-plan.pdf", "plant-guarantee.docx"),
}


def ensure(actor: Tenant) -> None:
    """Give the actor's workspace what is missing of its documents, read and indexed."""
    for name in SHELVES[actor.workspace_name]:
        _document(actor, name)


def _document(actor: Tenant, name: str) -> File:
    found: File | None = File.objects.filter(name=name, status=File.Status.READY).first()
    if found is not None:
        return found
    text = (DOCUMENTS / f"{name}.md").read_text(encoding="utf-8")
    content = rendering.render(name.rpartition(".")[2], text)
    return files.ingest(actor=actor, content=content, name=name, visibility=Visibility.WORKSPACE)
