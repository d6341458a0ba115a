"""What does the proof expect, and how does it say what it found?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper

WHOLE_TABLE: Final = "*"
"""Stands in a privilege's column place when the privilege is on all of the relation."""


@dataclass(frozen=True, order=True, slots=True)
class Finding:
    """One way in which the database is not what it must be: where, what is wrong, and what that would let through."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True, order=True, slots=True)
class Privilege:
    """One role's right to do one thing with one relation, or with one column of it."""

    role: str
    relation: str
    right: str
    column: str = WHOLE_TABLE


@dataclass(frozen=True, slots=True)
class Expectations:
    """What the database has to say when it is asked. Built from the one list of grants (`accounts.isolation`)."""

    logins: Mapping[str, str]
    """Django's alias → the role that it must log in as."""
    owner: str
    bypassing: frozenset[str]
    """Roles that may have BYPASSRLS; the grants are their wall."""
    strangers: frozenset[str]
    """Roles of other databases on the same server, which must not be able to connect to this one."""
    privileges: frozenset[Privilege]
    schemas: frozenset[tuple[str, str]]
    """(role, schema) for USAGE; nobody but the owner may CREATE."""
    definers: Mapping[str, Sequence[str]]
    """Function with the owner's rights → the roles that may call it."""
    unfenced: Mapping[str, str]
    """Table without row security → why that is right."""
    policies: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Table whose policies a migration wrote by hand → the statements that make them."""
    nullable_workspace: Mapping[str, str] = field(default_factory=dict)
    """Fenced table whose rows may belong to no workspace → why. No policy may show such a row to the app."""
    settings: frozenset[tuple[str, str]] = frozenset()
    """(role, "name=value"): what roles set for their sessions."""
    extensions: frozenset[str] = frozenset()
    """What may be installed."""
    other_databases: frozenset[str] = frozenset()
    """Databases of other systems, which none of the roles may enter."""


class Catalogue:
    """The system catalogue of one database, asked in SQL."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query and return all its rows. Raises `django.db.Error`."""
        with self.connection.cursor() as cursor:
            # None rather than (): then psycopg leaves percent signs alone, of which LIKE patterns are full.
            cursor.execute(query, list(parameters) or None)
            return list(cursor.fetchall())

    def run(self, statement: str) -> None:
        """Run a statement that returns nothing."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement)
