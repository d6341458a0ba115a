"""What must the database say about itself before we serve anybody from it?

The fence (`accounts.tenancy`) knows how to ask; this module tells it what our one list of grants expects, and tells whoever
keeps such things what it said.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from accounts import grants, signals
from accounts.tenancy import proof
from accounts.tenancy.proof import Expectations, Finding, Privilege, Proof

if TYPE_CHECKING:
    # Not at run time: every start would load all the attacks, of which it tries none.
    from accounts.attacks import Outcome

SERVING = frozenset({"default", "cache"})
OWNER, STRANGER = "aiaxis_owner", "aiaxis_identity"
LOGINS = {
    "owner": OWNER,
    "default": grants.APP,
    "cache": grants.APP,
    "ops": grants.OPS,
    "queue": grants.QUEUE,
    "audit": grants.AUDIT,
    "seal": grants.SEAL,
}

# What a role sets for each of its sessions; everything else that one sets is a finding.
SETTINGS = frozenset({(grants.APP, "track_activities=off"), (grants.OPS, "default_transaction_read_only=on")})
FRONTS: Final = {"workspace": "another workspace", "member": "a colleague"}
EXTENSIONS = frozenset({"plpgsql", "vector", "pg_trgm", "btree_gin", "unaccent"})


def expectations() -> Expectations:
    """Turn the list of grants into what the proof compares with the catalogue."""
    privileges = {
        Privilege(grant.role, grant.table, right, column)
        for grant in grants.GRANTS
        for right in grant.privileges
        for column in grant.columns or (proof.WHOLE_TABLE,)
    }
    privileges |= {Privilege(role, sequence, "USAGE") for role, names in grants.SEQUENCES.items() for sequence in names}
    return Expectations(
        logins=LOGINS,
        owner=OWNER,
        bypassing=frozenset({OWNER, grants.OPS}),
        strangers=frozenset({STRANGER}),
        privileges=frozenset(privileges),
        schemas=frozenset(
            {(role, "public") for role in grants.ROLES} | {(role, "fence") for role in grants.FENCE_USERS}
        ),
        definers=grants.DEFINER_FUNCTIONS,
        unfenced=grants.UNFENCED_TABLES,
        policies=grants.POLICIES_BY_HAND,
        nullable_workspace=grants.WITHOUT_WORKSPACE,
        settings=SETTINGS,
        extensions=EXTENSIONS,
        other_databases=frozenset({str(connections["identity"].settings_dict["NAME"])}),
    )


def prove() -> Proof:
    """Ask the database everything. Raises `django.db.Error` when it does not answer."""
    return proof.prove(expectations())


def findings_at_start() -> tuple[Finding, ...]:
    """Return what is wrong with the database, and tell it; empty when it isolates as it must."""
    began = time.monotonic()
    found = prove()
    # Robust: a database of an earlier version cannot keep it, and what keeps it must not decide whether anything is served.
    signals.isolation_proven.send_robust(Proof, report=report(found, began=began), origin="start", run=None)
    return found.findings


def tell(told: dict[str, Any], run: UUID | None) -> None:
    """Have a report kept: as the answer of a ``run`` that the console asked for, or as what the terminal found."""
    origin = "console" if run else "terminal"
    signals.isolation_proven.send(Proof, report=told, origin=origin, run=run)


def report(found: Proof, outcomes: Sequence[Outcome] = (), *, began: float) -> dict[str, Any]:
    """The machine's form: `leaks` counts attacks that took something, `broken` those that only failed.

    ``began`` is when it began, in the seconds of ``time.monotonic``.
    """
    seconds = time.monotonic() - began
    return {
        "proven_at": (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat(timespec="milliseconds"),
        "seconds": round(seconds, 1),
        "findings": [{"where": finding.where, "what": finding.what} for finding in found.findings],
        "attacks": len(outcomes),
        "tries": sum(outcome.tries for outcome in outcomes),
        "leaks": sum(bool(outcome.leaks) for outcome in outcomes),
        "broken": sum(bool(outcome.broken) for outcome in outcomes),
        "leaking": [
            {"attack": outcome.name, "front": outcome.scene.front, "leaks": outcome.leaks, "broken": outcome.broken}
            for outcome in outcomes
            if not outcome.holds
        ],
        "tables": found.tables,
        "server_version": found.server_version,
        "sections": [{"name": name, "findings": number} for name, number in found.sections],
        "attacked": attacked(outcomes),
    }


def attacked(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """The attacks by group and front: how many were tried, and how many were refused."""
    tried = Counter((outcome.attack.group, outcome.scene.front) for outcome in outcomes)
    held = Counter((outcome.attack.group, outcome.scene.front) for outcome in outcomes if outcome.holds)
    return [
        {"group": group, "front": FRONTS[front], "tried": tried[group, front], "refused": held[group, front]}
        for group, front in sorted(tried)
    ]


def refuse_unless_isolated() -> None:
    """Raise `ImproperlyConfigured` naming each finding: a server or worker must not start over a fence with a hole."""
    idle = [alias for alias in LOGINS if connections[alias].connection is None]
    try:
        found = findings_at_start()
    finally:
        for alias in idle:
            connections[alias].close()
            if alias not in SERVING:
                # A process that serves requests keeps no open line with the owner's or an operator's rights.
                connections[alias].close_pool()  # type: ignore[attr-defined]  # every alias is PostgreSQL's
    if found:
        lines = "\n".join(f"  - {finding}" for finding in found)
        raise ImproperlyConfigured(
            "The database does not keep workspaces apart as it must, so nothing is served. Run `manage.py migrate "
            f"--database owner`; what then remains was changed by hand and has to be undone.\n{lines}"
        )
