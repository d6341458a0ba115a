"""Is every attack of the matrix refused, on both fronts, and does it leave nothing behind?

P5, and with it L1, L2, L4, L6, L8, L9, L10, L17, L39, L43 and L45: each row of the matrix is one attempt to read, write,
take over or merely notice what belongs to another workspace, or to a colleague of one's own.
"""

from __future__ import annotations

from collections import Counter

import pytest
from django.db import connections

from accounts.attacks import MATRIX
from accounts.isolation import FRONTS
from audit.checks import running
from audit.checks.models import Proof
from tests import cast, doors

pytestmark = pytest.mark.usefixtures("committed")


def rows_of_everything() -> dict[str, int]:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') "
            "AND NOT relispartition"
        )
        names = [name for (name,) in cursor.fetchall()]
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}', count(*) FROM \"{name}\"" for name in names))
        return dict(cursor.fetchall())


def test_each_is_refused_and_they_leave_nothing_but_entries_of_the_trail() -> None:
    """As an operator has an installation at work attacked from a page, which only the latter makes right."""
    browser = doors.operator(cast.OLGA)
    before = rows_of_everything()
    browser.post("/operator/audit/proof/attack/")
    assert running.run_proof() == 1
    proof = Proof.objects.using("ops").get()
    assert proof.result["leaking"] == []
    assert (proof.holds, proof.result["leaks"], proof.result["broken"]) == (True, 0, 0)
    assert proof.result["tries"] > 3000
    rows = Counter((attack.group, FRONTS[front]) for attack in MATRIX for front in attack.fronts)
    assert {(row["group"], row["front"]): row["tried"] for row in proof.result["attacked"]} == rows
    assert (proof.attacks, proof.result["attacks"]) == (True, rows.total())
    after = rows_of_everything()
    trail = {"audit_entry", "audit_unsealed", "audit_unheard"}
    assert {name for name in after if before[name] != after[name]} <= {*trail, "audit_proof"}
