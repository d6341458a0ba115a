"""Does EXPLAIN know nothing of what others wrote, and would we notice if it did?

P5. An adversary under Birch's seal bisected the names of Acme's files, and asked which words their texts hold, from the
samples that ANALYZE had kept of everybody's rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from django.db import connections

from accounts import isolation
from accounts.attacks import MATRIX, Scene
from accounts.attacks.judging import judged
from accounts.attacks.matrix import Front
from accounts.attacks.stage import staged
from accounts.tenancy import statistics
from accounts.tenancy.proof import Catalogue, Finding, catalogue_findings
from audit import partitions

SAMPLES = next(attack for attack in MATRIX if attack.name == "samples in plan")
SAMPLED = ("files_file.name", "files_passage.text", "files_passage.tsv", "agents_agent.instructions")


def run(statement: str) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement)


def found() -> set[Finding]:
    return set(catalogue_findings(Catalogue(connections["owner"]), isolation.expectations()))


def told(findings: set[Finding]) -> set[tuple[str, str]]:
    return {(finding.where, finding.what.split(",")[0]) for finding in findings}


@pytest.fixture
def remembering(committed: None) -> Iterator[None]:
    """A database as it was before the mend: the planner remembers some of what people wrote."""
    for column in SAMPLED:
        table, name = column.split(".")
        run(f"ALTER TABLE {table} ALTER {name} SET STATISTICS 100")
    try:
        yield
    finally:
        statistics.apply(connections["owner"])


@pytest.mark.parametrize("front", ["workspace", "member"])
def test_samples_would_answer_everybody_and_are_forgotten(remembering: None, front: Front) -> None:
    """The attack is red on such a database; the proof names each column; and mending it forgets what was kept."""
    with staged() as stage:
        outcome = judged(SAMPLES, Scene(stage, front))
        leaked = " ".join(outcome.leaks)
        for condition in ('"name" <', '"name" LIKE', '"text" =', '"tsv" @@', '"instructions" %%'):
            assert condition in leaked, (condition, outcome.leaks)
        assert ("files_passage", "ANALYZE takes samples of tsv") in told(found())
        assert ("files_file", "keeps samples of name from before") in told(found())

        statistics.apply(connections["owner"])
        assert judged(SAMPLES, Scene(stage, front)).leaks == []
        assert found() == set()


def test_analyze_alone_does_not_forget(remembering: None) -> None:
    """Why the mend clears what was kept: without samples to take, PostgreSQL leaves the old ones where they are."""
    with staged():
        run("ALTER TABLE files_passage ALTER tsv SET STATISTICS 0; ANALYZE files_passage")
        assert ("files_passage", "keeps samples of tsv from before") in told(found())
        assert ("files_passage", "ANALYZE takes samples of tsv") not in told(found())


def test_it_keeps_what_joins_and_lists_are_planned_with(committed: None) -> None:
    """Ids, times and a model's own choices: nothing that anybody wrote, and plans would be blind without them."""
    quiet = {(column.relation, column.name) for column in statistics.columns(connections["owner"])}
    assert {("files_passage", "tsv"), ("files_file", "sha256"), ("audit_entry", "detail")} <= quiet
    assert {("accounts_session", "token_hash"), ("accounts_membership", "email")} <= quiet
    for table, name in (("files_file", "status"), ("files_file", "workspace_id"), ("files_file", "created_at")):
        assert (table, name) not in quiet


def test_it_reaches_expressions_of_indexes_and_new_tables(committed: None) -> None:
    """An index on an expression has samples of its own, under its own name."""
    run("CREATE INDEX spoken ON files_file (workspace_id, (lower(name)))")
    try:
        assert any(finding.where == "spoken" and "takes samples of lower" in finding.what for finding in found())
        statistics.apply(connections["owner"])
        assert found() == set()
    finally:
        run("DROP INDEX spoken")


def test_a_new_month_of_the_trail_is_quiet_from_its_first_day(committed: None) -> None:
    made = partitions.ensure("owner", date(2091, 3, 1))
    try:
        assert len(made) == 3
        assert found() == set()
    finally:
        for name in made:
            run(f"DROP TABLE {name}")
