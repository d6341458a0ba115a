"""Does somebody who has files have an agent to ask about them?"""

from __future__ import annotations

from collections.abc import Iterable

from django import template

from agents.models import Agent
from files.models import File

register = template.Library()


@register.inclusion_tag("conversations/_next_step.html")
def next_step(files: Iterable[File]) -> dict[str, File]:
    """The way on from the first of these files that can be read, where the bound member has no agent to ask; else nothing."""
    file = next((file for file in files if file.status != File.Status.REFUSED), None)
    return {"file": file} if file is not None and not Agent.objects.exists() else {}
