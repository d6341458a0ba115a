"""Does the database that we run against really keep workspaces and members apart?

Nobody is believed: roles, tables, policies, keys, functions and grants are read from its catalogue and compared with
what the models and the one list of grants say. A finding means that something is looser (or tighter) than written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db import connections

from accounts.tenancy.proof import (
    catalogues,
    functions,
    grants,
    keys,
    policies,
    roles,
    seals,
    server,
    statistics,
    tables,
    triggers,
)
from accounts.tenancy.proof.findings import WHOLE_TABLE, Catalogue, Expectations, Finding, Privilege
from accounts.tenancy.proof.models import OWNER_ALIAS

__all__ = ["WHOLE_TABLE", "Catalogue", "Expectations", "Finding", "Privilege", "Proof", "catalogue_findings", "prove"]


@dataclass(frozen=True, slots=True)
class Proof:
    """What the database said: `findings` is empty when all is as it must be; `tables` is how many were judged."""

    findings: tuple[Finding, ...]
    tables: int
    server_version: str
    sections: tuple[tuple[str, int], ...]
    """What was asked about, and how many findings there are of it."""


def prove(expected: Expectations) -> Proof:
    """Ask everything, as the owner, and the seals as the role that serves requests. Raises `django.db.Error`."""
    catalogue = Catalogue(connections[OWNER_ALIAS])
    found = [(name, list(section)) for name, section in _sections(catalogue, expected)]
    found.append(("The seal", list(seals.findings("default"))))
    ((version,),) = catalogue.rows("SELECT current_setting('server_version')")
    judged = sum(relation.is_table for relation in tables.relations(catalogue))
    return Proof(
        findings=tuple(sorted(finding for _, section in found for finding in section)),
        tables=judged,
        server_version=version.split()[0],
        sections=tuple((name, len(section)) for name, section in found),
    )


def catalogue_findings(catalogue: Catalogue, expected: Expectations) -> Iterator[Finding]:
    """Ask the catalogue alone, on the owner's connection as it stands, so that it sees an open transaction's changes."""
    for _, section in _sections(catalogue, expected):
        yield from section


def _sections(catalogue: Catalogue, expected: Expectations) -> Iterator[tuple[str, Iterable[Finding]]]:
    found = tables.relations(catalogue)
    yield "The server and its settings", server.findings(catalogue)
    yield "Roles and logins", roles.findings(catalogue, expected)
    yield "Tables under row-level security", tables.findings(found, expected)
    yield "Policies of rows", policies.findings(catalogue, found, expected)
    yield "Foreign keys within a workspace", keys.findings(catalogue)
    yield "Functions with the owner's rights", functions.findings(catalogue, expected)
    yield "Rights of each role", grants.findings(catalogue, expected)
    yield "What the planner remembers", statistics.findings(catalogue)
    yield "Triggers", triggers.findings(catalogue)
    yield "PostgreSQL's own catalogue", catalogues.findings(catalogue, expected)
