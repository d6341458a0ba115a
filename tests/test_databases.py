"""Do the tests find the databases whole, whatever a served installation does while they are tidied?"""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread

import psycopg
import pytest
from django.db import connections

from accounts.models import Workspace
from audit import entries, ledger, sealing, verification
from tests import databases, environment
from tests.cast import ALICE
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("committed")

BLOCKED = (
    "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock' AND query LIKE 'DELETE FROM %%'"
)
END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"


@pytest.fixture
def superuser() -> Iterator[psycopg.Connection]:
    with psycopg.connect(environment.server.superuser_url(environment.platform_database)) as connection:
        yield connection


def post() -> None:
    ledger.post([entries.encode(entries.fact("agent.created", actor=ALICE.tenant))])


def test_an_entry_that_comes_while_they_are_emptied_stays_with_its_place_among_the_unsealed(
    superuser: psycopg.Connection,
) -> None:
    """What a shipper posts behind a test's end, a check of the next one would take for an entry past the sealer (P7)."""
    post()
    sealing.seal()
    post()
    # Emptying goes by name: it has emptied the entries, and not yet the list of those that wait, when it meets this seal.
    superuser.execute("SELECT FROM audit_seal FOR UPDATE")
    tidying = Thread(target=databases.put_back)
    tidying.start()
    with psycopg.connect(environment.server.superuser_url(environment.platform_database), autocommit=True) as looking:
        assert until(lambda: looking.execute(BLOCKED, [environment.platform_database]).fetchone())
    post()
    superuser.rollback()
    tidying.join()
    sealing.outside().unlink(missing_ok=True)
    connections["seal"].close()
    report = verification.verify()
    assert (report.entries, report.waiting, report.broken) == (1, 1, [])


def test_what_the_pools_kept_of_a_server_that_was_killed_is_given_to_nobody(superuser: psycopg.Connection) -> None:
    """A soak test that kills PostgreSQL failed whichever test was the next to ask as a role that rested meanwhile."""
    Workspace.objects.using("owner").exists()
    connections["owner"].close()
    superuser.execute(END, [environment.platform_database])
    databases.put_back()
    assert Workspace.objects.using("owner").exists()


@pytest.mark.parametrize("role", sorted(environment.ROLE_VARIABLES.values()))
def test_what_was_committed_outlives_a_server_that_is_killed(role: str) -> None:
    """Of 100,000 refusals 8,046 were neither rows nor counted: a burst was stored, and its log was still in the server's memory."""
    with psycopg.connect(environment.server.url(role, environment.platform_database)) as connection:
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
