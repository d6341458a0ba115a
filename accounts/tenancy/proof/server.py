"""Is the server new enough, and may row-level security use its indexes?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from accounts.tenancy.proof.findings import Catalogue, Finding

# The release of each line that has the fix for CVE-2025-8713 (statistics of rows that row security hides).
OLDEST_RELEASES: Final = {15: 14, 16: 10, 17: 6}
OLDEST_LINE: Final = 15

LEAKPROOF: Final = (
    "ts_match_vq(tsvector,tsquery)",
    "jsonb_contains(jsonb,jsonb)",
    "arraycontains(anyarray,anyarray)",
    "upper(text)",
    "similarity_op(text,text)",
    "word_similarity_op(text,text)",
    "word_similarity_commutator_op(text,text)",
)
"""Without the flag, row security keeps these away from the indexes (248 to 3,300 times slower, measured)."""

TELLING: Final = ("textlike(text,text)", "texticlike(text,text)")
"""LIKE's error tells how a text begins. With the flag it would run before the policies, and on ANALYZE's samples (measured)."""


def findings(catalogue: Catalogue) -> Iterator[Finding]:
    """Ask for the version and for the flags."""
    ((number,),) = catalogue.rows("SELECT current_setting('server_version_num')::int")
    line, release = divmod(number, 10000)
    if line < OLDEST_LINE or release < OLDEST_RELEASES.get(line, 0):
        yield Finding("server", f"PostgreSQL {line}.{release} lacks the fix for CVE-2025-8713; it needs 15.14 or newer")
    flags = dict(
        catalogue.rows(
            "SELECT wanted, (SELECT proleakproof FROM pg_proc WHERE oid = to_regprocedure(wanted)) "
            "FROM unnest(%s::text[]) AS wanted",
            [list(LEAKPROOF)],
        )
    )
    for name in LEAKPROOF:
        if not flags[name]:
            yield Finding(
                name,
                "is not LEAKPROOF here, so searches under row security read whole tables; a superuser sets it once "
                "per database (docs/deploy.md)",
            )
    query = "SELECT name FROM unnest(%s::text[]) AS name JOIN pg_proc ON oid = to_regprocedure(name) WHERE proleakproof"
    for (name,) in catalogue.rows(query, [list(TELLING)]):
        yield Finding(
            name,
            "is LEAKPROOF here, so it runs before the policies and tells by its error how a hidden text begins; "
            "a superuser takes the flag off once per database (docs/deploy.md)",
        )
