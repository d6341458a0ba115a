"""Does the database that we run against really keep workspaces and members apart?

Nobody is believed: roles, tables, policies, keys, functions and grants are read from its catalogue and compared with
what the models and the one list of grants say. A finding means that something is looser (or tighter) than written.
"""

from __future__ import annotations

from collections.abc import Iterator
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


def prove(expected: Expectations) -> Proof:
    """Ask everything, as the owner, and the seals as the role that serves requests. Raises `django.db.Error`."""
    catalogue = Catalogue(connections[OWNER_ALIAS])
    findings = [*catalogue_findings(catalogue, expected), *seals.findings("default")]
    ((version,),) = catalogue.rows("SELECT current_setting('server_version')")
    judged = sum(relation.is_table for relation in tables.relations(catalogue))
    return Proof(tuple(sorted(findings)), judged, version.split()[0])


def catalogue_findings(catalogue: Catalogue, expected: Expectations) -> Iterator[Finding]:
    """Ask the catalogue alone, on the owner's connection as it stands, so that it sees an open transaction's changes."""
    yield from server.findings(catalogue)
    yield from roles.findings(catalogue, expected)
    found = tables.relations(catalogue)
    yield from tables.findings(found, expected)
    yield from policies.findings(catalogue, found, expected)
    yield from keys.findings(catalogue)
    yield from functions.findings(catalogue, expected)
    yield from grants.findings(catalogue, expected)
    yield from statistics.findings(catalogue)
    yield from triggers.findings(catalogue)
    yield from catalogues.findings(catalogue, expected)
