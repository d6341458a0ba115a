"""What do the migrations say that the functions of the fence and the triggers of its tables are?

Read from the very statements that the migrations run, so that nothing is written twice and a function that a later
migration adds is held to its word from the first day. What no statement here makes was made by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from django.db.migrations import Migration, RunSQL, SeparateDatabaseAndState
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

_PIECE: Final = re.compile(
    r"CREATE\s+(?:OR\s+REPLACE\s+)?FUNCTION\s+fence\.(?P<function>\w+)\s*(?P<definition>\(.*?\sAS\s+(?P<mark>\$\w*\$).*?(?P=mark)[^;]*)"
    r"|CREATE\s+(?:OR\s+REPLACE\s+)?(?P<constraint>CONSTRAINT\s+)?TRIGGER\s+(?P<trigger>\w+)\s(?P<when>[^;]*?)\sON\s+(?:public\.)?(?P<table>\w+)\s(?P<does>[^;]*)"
    r"|DROP\s+TRIGGER\s+(?:IF\s+EXISTS\s+)?(?P<dropped>\w+)\s+ON\s+(?:public\.)?(?P<from>\w+)",
    re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Function:
    """One statement that makes a function of the fence."""

    name: str
    definition: str
    """Everything after the name: arguments, attributes and body."""

    def made_as(self, name: str) -> str:
        """Return the statement that makes the same function under another name."""
        return f"CREATE FUNCTION {name}{self.definition}"


@dataclass(frozen=True, slots=True)
class Trigger:
    """One trigger that a migration puts on a table."""

    name: str
    table: str
    when: str
    does: str
    is_constraint: bool = False

    @property
    def statement(self) -> str:
        """Return the statement that makes it, on whichever table of this name comes first in the search path."""
        kind = "CONSTRAINT TRIGGER" if self.is_constraint else "TRIGGER"
        return f"CREATE {kind} {self.name} {self.when} ON {self.table} {self.does}"


@cache
def functions() -> tuple[Function, ...]:
    """Every definition of a function of the fence, in the order in which migrations run: of a signature the last counts."""
    return tuple(
        Function(piece["function"], piece["definition"])
        for text in _statements()
        for piece in _PIECE.finditer(text)
        if piece["function"]
    )


@cache
def triggers() -> tuple[Trigger, ...]:
    """Every trigger that our migrations put on a table and did not take off again."""
    standing: dict[tuple[str, str], Trigger] = {}
    for text in _statements():
        for piece in _PIECE.finditer(text):
            if piece["trigger"]:
                made = Trigger(
                    piece["trigger"], piece["table"], piece["when"], piece["does"], bool(piece["constraint"])
                )
                standing[made.table, made.name] = made
            elif piece["dropped"]:
                standing.pop((piece["from"], piece["dropped"]), None)
    return tuple(standing.values())


@cache
def _statements() -> tuple[str, ...]:
    """The SQL of every migration on the disk, in the order in which a new database gets it."""
    graph = MigrationLoader(None).graph
    plan = dict.fromkeys(node for leaf in sorted(graph.leaf_nodes()) for node in graph.forwards_plan(leaf))
    migrations: Iterable[Migration] = (graph.nodes[node] for node in plan)
    return tuple(text for migration in migrations for text in _texts(migration.operations))


def _texts(operations: Iterable[Operation]) -> Iterator[str]:
    for operation in operations:
        if isinstance(operation, SeparateDatabaseAndState):
            yield from _texts(operation.database_operations)
        elif isinstance(operation, RunSQL):
            pieces = [operation.sql] if isinstance(operation.sql, str) else operation.sql
            for piece in pieces:
                yield piece if isinstance(piece, str) else piece[0]
