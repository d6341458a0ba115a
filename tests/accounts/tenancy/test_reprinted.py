"""Is a database that was brought back from a dump as sound as the one that was dumped, and a change to it still found?

PostgreSQL prints a policy in words of its own, a dump holds these, and a database that was made from it prints them anew and
otherwise. Every installation that was brought back refused to start until the proof knew that.
"""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

from accounts.tenancy.proof import policies
from tests.accounts.tenancy.test_mutations import found

READ = "SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid = 'audit_entry'::regclass AND polname = 'workspace_read'"


def _dumped(superuser: BaseDatabaseWrapper) -> tuple[str, str]:
    """Put in the place of the trail's policy what PostgreSQL prints of it; return the print before and after."""
    with superuser.cursor() as cursor:
        cursor.execute(READ)
        (before,) = cursor.fetchone()
        cursor.execute("DROP POLICY workspace_read ON audit_entry")
        cursor.execute(f"CREATE POLICY workspace_read ON audit_entry FOR SELECT TO aiaxis_app USING ({before})")
        cursor.execute(READ)
        return before, cursor.fetchone()[0]


def test_what_a_dump_brings_back_is_no_finding(superuser: BaseDatabaseWrapper) -> None:
    """P5. The two prints differ, or the test would show nothing."""
    sound = found(superuser)
    before, after = _dumped(superuser)
    assert before != after
    assert found(superuser) == sound


def test_what_was_changed_in_a_dump_is_one(superuser: BaseDatabaseWrapper) -> None:
    """P5. A role more in the words that were brought back, and members read the trail."""
    _, after = _dumped(superuser)
    with superuser.cursor() as cursor:
        wider = after.replace(
            "'admin'::character varying", "'admin'::character varying)::text, ('member'::character varying"
        )
        assert wider != after
        cursor.execute("DROP POLICY workspace_read ON audit_entry")
        cursor.execute(f"CREATE POLICY workspace_read ON audit_entry FOR SELECT TO aiaxis_app USING ({wider})")
    places = {(place, "workspace_read" in what) for place, what in found(superuser)}
    assert ("audit_entry", True) in places


def test_the_statements_of_a_dump_are_whole() -> None:
    """A restrictive policy with both rules, and a check, as a dump writes them."""
    both = policies.Policy("p", "*", False, ("PUBLIC",), "(a = 1)", "(b = 2)")
    lines = list(policies._reprinted(({"t": [both]}, {"t": {"c": "CHECK ((a > 0))"}}), '"{}"'.format))
    assert lines[1] == 'CREATE POLICY "p" ON "t" AS RESTRICTIVE FOR ALL TO PUBLIC USING ((a = 1)) WITH CHECK ((b = 2))'
    assert lines[3] == 'ALTER TABLE "t" ADD CONSTRAINT "c" CHECK ((a > 0))'
