"""Which refusals of a flood become rows, and which are counted together?

Of what is alike within one minute, the first twenty are rows; the rest stay whole in the archive and become one row, a
*burst*, that says how many they were, between when, and shows five of them. What is counted is decided by a line's place
in its segment and by nothing else: a shipper that was killed and begins the segment again decides the same, so nothing
is stored twice and nothing counted twice. Facts and what operators do are never counted together: each is a row.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final
from uuid import UUID

from audit import entries
from audit.rules import ActorType, Outcome

ROWS_A_MINUTE: Final = 20
"""How many alike entries of one minute of one segment are rows of their own."""
SAMPLES_BEGIN, SAMPLES_END = 2, 3
LONGEST_PATH: Final = 80
MOST_OF_PATH, MOST_OF_TARGET = 320, 240
"""Characters of a sample's path, and bytes that it and its target take as they are written: an emoji takes twelve. Five samples
fit into one line of the spool's length, whatever they are written in; of a line that does not fit the count is left out."""

_COUNTED: Final = frozenset({Outcome.DENIED, Outcome.FAILED, Outcome.ERROR})
_NEEDED: Final = {
    **dict.fromkeys(("id", "occurred_at", "outcome", "severity", "actor_type", "fingerprint", "target_id"), str),
    "http": dict,
}

Key = tuple[str, ...]


@dataclass(slots=True)
class _Group:
    """What is alike in one minute: how many came, and of those beyond the rows the first, some samples and the last."""

    seen: int = 0
    first: entries.Entry | None = None
    earliest: str = ""
    latest: str = ""
    begin: list[dict[str, Any]] = field(default_factory=list)
    end: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=SAMPLES_END))
    addresses: set[str | None] = field(default_factory=set)
    targets: set[tuple[str, str]] = field(default_factory=set)

    @property
    def more(self) -> int:
        """How many are counted and have no row of their own."""
        return max(0, self.seen - ROWS_A_MINUTE)

    def count(self, entry: entries.Entry) -> None:
        """Take one more than there are rows for."""
        moment = entry["occurred_at"]
        if self.first is None:
            self.first, self.earliest = entry, moment
        self.earliest, self.latest = min(self.earliest, moment), max(self.latest, moment)
        # Two are enough to know that they differ, and a flood must not fill the memory with them.
        if len(self.addresses) < 2:
            self.addresses.add(entry.get("client_address"))
        if len(self.targets) < 2:
            self.targets.add((entry.get("target_type", ""), entry["target_id"]))
        sample = _sample(entry)
        if len(self.begin) < SAMPLES_BEGIN:
            self.begin.append(sample)
        else:
            self.end.append(sample)


@dataclass(slots=True)
class Counting:
    """The groups of one segment, in the order in which its lines are taken.

    ``segment`` is the file's name, or a name of the shipper's own for what it has to say of the lines.
    """

    segment: str
    _groups: dict[Key, _Group] = field(default_factory=dict)

    def admits(self, entry: entries.Entry) -> bool:
        """Take the segment's next entry. True when it is a row of its own, False when it is counted."""
        if not may_be_counted(entry):
            return True
        group = self._groups.setdefault(_key(entry), _Group())
        group.seen += 1
        if group.seen <= ROWS_A_MINUTE:
            return True
        group.count(entry)
        return False

    def bursts(self, place: Mapping[str, Any]) -> list[entries.Entry]:
        """One entry for each group that has more than its rows; complete only when the whole segment was taken.

        ``place`` says where its lines are whole (``archive.place``); it is empty for what is in no archive.
        """
        return [self._burst(key, group, group.first, place) for key, group in self._groups.items() if group.first]

    def _burst(self, key: Key, group: _Group, first: entries.Entry, place: Mapping[str, Any]) -> entries.Entry:
        samples = [*group.begin, *group.end]
        same_address, same_target = len(group.addresses) == 1, len(group.targets) == 1
        return {
            **first,
            "id": entries.derived_id(entries.milliseconds(first["id"]), "burst", self.segment, *key),
            "client_address": first.get("client_address") if same_address else None,
            "target_type": first.get("target_type", "") if same_target else "",
            "target_id": first["target_id"] if same_target else "",
            "request_id": None,
            "http": {name: first["http"][name] for name in ("method", "route") if name in first["http"]},
            "net": {},
            "trace": {},
            "detail": {
                "burst": group.more,
                "first": group.earliest,
                "last": group.latest,
                "samples": samples,
                **place,
            },
        }


def may_be_counted(entry: entries.Entry) -> bool:
    """May this be counted with others like it? Refusals and failures may; facts, and what concerns operators, never.

    Nor may what is no entry of ours: the database says what is wrong with it.
    """
    if not all(isinstance(entry.get(name), kind) for name, kind in _NEEDED.items()):
        return False
    if not _is_id(entry["id"]) or not _is_id(entry.get("workspace_id") or entry["id"]):
        return False
    return entry["outcome"] in _COUNTED and entry["actor_type"] != ActorType.OPERATOR


def _is_id(text: object) -> bool:
    try:
        UUID(str(text))
    except ValueError:
        return False
    return True


def _key(entry: entries.Entry) -> Key:
    """What is alike: the fingerprint and, beside it, whatever would hide something: a severity, a workspace, an outcome."""
    minute = str(entry["occurred_at"])[:16]
    beside = (str(entry.get(name) or "") for name in ("severity", "outcome", "workspace_id"))
    return (str(entry["fingerprint"]), minute, *beside)


def _sample(entry: entries.Entry) -> dict[str, Any]:
    """What a reader needs to know of one of them; everything else is in the archive, under its id."""
    return {
        "id": entry["id"],
        "at": entry["occurred_at"],
        "request": entry.get("request_id"),
        "address": entry.get("client_address"),
        "path": _fitting(str(entry["http"].get("path", ""))[:LONGEST_PATH], MOST_OF_PATH),
        "target": _fitting(entry["target_id"], MOST_OF_TARGET),
    }


def _fitting(text: str, most: int) -> str:
    """As much of a text as takes `most` bytes where a line holds it."""
    if text.isascii():
        return text  # Nearly all are, and they are short enough by their characters.
    ends = accumulate(len(json.dumps(one)) - 2 for one in text)
    return text[: sum(end <= most for end in ends)]
