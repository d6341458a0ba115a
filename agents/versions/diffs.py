"""What is different between two versions, so that a person sees it at a glance?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final
from uuid import UUID

from agents.models import Agent, ModelProvider, Tool
from files.models import File

LABELS: Final = {
    "name": "Name",
    "description": "Description",
    "instructions": "Instructions",
    "refusal_text": "When the files hold no answer",
    "starter_prompts": "Questions to start with",
    "writer": "Who writes the answer",
    "temperature": "Temperature",
    "max_tokens": "Longest answer, in tokens",
    "retrieval_depth": "Passages to look at",
    "retrieval_threshold": "How close a passage must be",
    "file_ids": "Files",
    "tool_ids": "Tools",
}
# How a text is cut to be compared: into words and, where they are too many, into sentences and lines.
CUTS: Final = (re.compile(r"\s+|\S+"), re.compile(r"[^\n.!?]*[\n.!?]+\s*|[^\n.!?]+"))
# Comparing costs parts times parts. Where even sentences are too many, the texts are shown whole, the old one and the new.
MOST_STEPS: Final = 400_000
SAME, GONE, NEW = "same", "gone", "new"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words of a text: in both versions, only in the older (`gone`), or only in the newer (`new`)."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One part of an agent that is not the same."""

    label: str
    pieces: list[Piece]


def changed(older: Mapping[str, Any], newer: Mapping[str, Any]) -> list[str]:
    """Return the labels of what is not the same."""
    before, after = _comparable(older), _comparable(newer)
    return [label for key, label in LABELS.items() if before.get(key) != after.get(key)]


def between(older: Mapping[str, Any], newer: Mapping[str, Any]) -> list[Difference]:
    """Return every part that is not the same, with what went and what came. Names are those that the bound member may see."""
    before, after = _comparable(older), _comparable(newer)
    names = _names(older, newer)
    found = []
    for key, label in LABELS.items():
        if before.get(key) == after.get(key):
            continue
        if key in ("file_ids", "tool_ids", "starter_prompts"):
            pieces = _members(before.get(key) or [], after.get(key) or [], names)
        elif isinstance(after.get(key), str) and key != "writer":
            pieces = _words(before.get(key) or "", after[key])
        else:
            pieces = [Piece(GONE, _shown(before.get(key), names)), Piece(NEW, _shown(after.get(key), names))]
        found.append(Difference(label, pieces))
    return found


def _comparable(content: Mapping[str, Any]) -> dict[str, Any]:
    """Provider and model are one thing to a person: who writes."""
    writer = (content["provider"], content["model_provider_id"], content["model"])
    return {**content, "writer": writer}


def _names(*contents: Mapping[str, Any]) -> dict[str, str]:
    """Names of files and providers that are there for the bound member, by id."""
    files = {UUID(key) for content in contents for key in content["file_ids"]}
    providers = {UUID(content["model_provider_id"]) for content in contents if content["model_provider_id"]}
    found = [*File.objects.filter(pk__in=files).values_list("pk", "name")]
    found += [*ModelProvider.objects.filter(pk__in=providers).values_list("pk", "name")]
    tools = {UUID(key) for content in contents for key in content.get("tool_ids", [])}
    found += [*Tool.objects.filter(pk__in=tools).values_list("pk", "name")]
    return {str(key): name for key, name in found}


def _shown(value: Any, names: Mapping[str, str]) -> str:
    if value is None:
        return "As the model does it"
    if not isinstance(value, tuple):
        return str(value)
    provider, key, model = value
    if provider != Agent.Provider.MODEL:
        return str(Agent.Provider.BUILTIN.label)
    return f"{model} of {names.get(key or '', 'a provider that was removed')}"


def _members(before: list[str], after: list[str], names: Mapping[str, str]) -> list[Piece]:
    """What a list lost and got, one on each line; where only the order changed, both lists."""
    gone, new = [one for one in before if one not in after], [one for one in after if one not in before]
    if not gone and not new:
        gone, new = before, after

    def named(one: str) -> str:
        return names.get(one, "One that is not there for you any more") if _is_id(one) else one

    return [*(Piece(GONE, named(one)) for one in gone), *(Piece(NEW, named(one)) for one in new)]


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _words(before: str, after: str) -> list[Piece]:
    for cut in CUTS:
        left, right = cut.findall(before), cut.findall(after)
        if len(left) * len(right) <= MOST_STEPS:
            return _aligned(left, right)
    return [Piece(GONE, before), Piece(NEW, after)]


def _aligned(left: list[str], right: list[str]) -> list[Piece]:
    pieces = []
    for kind, start, end, first, last in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(Piece(SAME, "".join(left[start:end])))
            continue
        if end > start:
            pieces.append(Piece(GONE, "".join(left[start:end])))
        if last > first:
            pieces.append(Piece(NEW, "".join(right[first:last])))
    return pieces
