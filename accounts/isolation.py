"""What must the database say about itself before we serve anybody from it?

The fence (`accounts.tenancy`) knows how to ask; this module tells it what our one list of grants expects.
"""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from accounts import grants
from accounts.tenancy import proof
from accounts.tenancy.proof import Expectations, Finding, Privilege, Proof

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


def findings() -> tuple[Finding, ...]:
    """Return what is wrong with the database; empty when it isolates as it must."""
    return prove().findings


def refuse_unless_isolated() -> None:
    """Raise `ImproperlyConfigured` naming each finding: a server or worker must not start over a fence with a hole."""
    idle = [alias for alias in LOGINS if connections[alias].connection is None]
    try:
        found = findings()
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
