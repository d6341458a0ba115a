"""Does the planner remember anything that people wrote?"""

from __future__ import annotations

from collections.abc import Iterator

from accounts.tenancy import statistics
from accounts.tenancy.proof.findings import Catalogue, Finding


def findings(catalogue: Catalogue) -> Iterator[Finding]:
    """Ask each column of what people wrote whether samples are taken of it, or are kept from before."""
    for column in statistics.columns(catalogue.connection):
        if column.is_sampled:
            yield Finding(
                column.relation,
                f"ANALYZE takes samples of {column.name}, from which EXPLAIN answers every workspace; "
                "run `manage.py migrate --database owner`",
            )
        if column.remembered:
            yield Finding(
                column.relation,
                f"keeps samples of {column.name} from before, from which EXPLAIN answers every workspace; "
                "run `manage.py migrate --database owner`, or before PostgreSQL 18 see docs/deploy.md",
            )
    for table, name in catalogue.rows(statistics.EXTENDED):
        yield Finding(table, f"has the extended statistics {name}, which sample the rows of every workspace")
