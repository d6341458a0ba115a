"""What of an agent stands in a version, and what of an older one can be had again today?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from agents.models import Agent, AgentVersion, Tool
from agents.vendors.queries import listed
from files.models import File

FIELDS: Final = (
    "name",
    "description",
    "instructions",
    "refusal_text",
    "starter_prompts",
    "model",
    "temperature",
    "max_tokens",
    "retrieval_depth",
    "retrieval_threshold",
)


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a version holds that is there now. `lost_files` are gone, or their owners keep them from the bound member."""

    values: dict[str, Any]
    file_ids: list[UUID] = field(default_factory=list)
    tool_ids: list[UUID] = field(default_factory=list)
    lost_files: int = 0
    lost_tools: int = 0
    lost_provider: bool = False

    @property
    def note(self) -> str:
        """Say what cannot be had again; nothing where all can."""
        parts = []
        if self.lost_files == 1:
            parts.append("1 of its files is not there for you any more: it was deleted, or its owner keeps it private.")
        elif self.lost_files:
            words = "files are not there for you any more: they were deleted, or their owners keep them private."
            parts.append(f"{self.lost_files} of its {words}")
        if self.lost_tools:
            some = "1 of its tools is" if self.lost_tools == 1 else f"{self.lost_tools} of its tools are"
            parts.append(f"{some} not there any more.")
        if self.lost_provider:
            parts.append("The provider of its model was removed, so what writes the answers stays as it is now.")
        return " ".join(parts)


def of(agent: Agent) -> dict[str, Any]:
    """Return what the agent is now, as a version keeps it: ids of files, tools and of the provider, never their names.

    Names would be read by whoever the agent passes to, of files that he may not read.
    """
    files = sorted(str(key) for key in agent.agent_files.values_list("file_id", flat=True))
    provider = str(agent.model_provider_id) if agent.model_provider_id else None
    values = {name: getattr(agent, name) for name in FIELDS}
    tools = sorted(str(key) for key in agent.agent_tools.values_list("tool_id", flat=True))
    kept = {**values, "provider": str(agent.provider), "model_provider_id": provider, "file_ids": files}
    # Versions from before there were tools say nothing of them, and are the same as those of an agent without any.
    return {**kept, "tool_ids": tools} if tools else kept


def recovered(version: AgentVersion) -> Recovered:
    """Return what of this version the bound member can have again today."""
    content = version.content
    ids = [UUID(key) for key in content["file_ids"]]
    there = list(File.objects.filter(pk__in=ids).values_list("pk", flat=True))
    values = {name: content[name] for name in FIELDS if name in content}
    provider = content["model_provider_id"]
    is_lost = content["provider"] == Agent.Provider.MODEL and not (provider and listed().filter(pk=provider).exists())
    if is_lost:
        values.pop("model", None)
    else:
        values["model_provider_id"] = UUID(provider) if provider else None
    chosen = [UUID(key) for key in content.get("tool_ids", [])]
    tools = list(Tool.objects.filter(pk__in=chosen).values_list("pk", flat=True))
    files_lost, tools_lost = len(ids) - len(there), len(chosen) - len(tools)
    return Recovered(values, there, tools, lost_files=files_lost, lost_tools=tools_lost, lost_provider=is_lost)
