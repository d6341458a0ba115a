"""Does the fence hold where many share few connections, as behind PgBouncer in transaction mode?

The short form: the attacks that live on what a connection keeps, and readers of two workspaces on one connection to the server.
The whole suite of isolation through PgBouncer, with two hosts, is in `test_hosts.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from django.db import ProgrammingError, connections, transaction

from accounts.attacks import MATRIX, Scene, judging
from accounts.attacks.stage import staged
from accounts.identity.store.models import Account
from files.models import File
from tests import databases
from tests.cast import ALICE, CHARLIE, Person, acting
from tests.factories import FileFactory
from tests.growing.parts import needed, pgbouncer

pytestmark = needed("pgbouncer")
ROUNDS = 40
# Attacks whose loot would lie on a connection that another had before.
GROUPS = {"leftovers"}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """PgBouncer with a single connection to the server for each role: whoever comes next has what the last one left on it."""
    with pgbouncer(size=1) as port:
        yield port


@pytest.fixture
def pooled(port: int, committed: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lead every connection of the application's role, the counters and the identity store through it."""
    for alias in ("default", "cache", "identity"):
        connections[alias].close()
        monkeypatch.setitem(connections.settings[alias], "HOST", "127.0.0.1")
        monkeypatch.setitem(connections.settings[alias], "PORT", str(port))
        monkeypatch.setitem(connections.settings[alias], "OPTIONS", databases.options_without_pool(alias))
    yield
    for alias in ("default", "cache", "identity"):
        connections[alias].close()


def read_again_and_again(person: Person, name: str, wrong: list[str], lines: set[int]) -> None:
    """Ask by the ORM, in a transaction and in raw SQL, and note whatever is not one's own."""
    try:
        for number in range(ROUNDS):
            with acting(person):
                found = list(File.objects.values_list("name", flat=True))
                with transaction.atomic(), connections["default"].cursor() as cursor:
                    cursor.execute("SELECT name FROM files_file")
                    found += [row[0] for row in cursor.fetchall()]
                    cursor.execute("SELECT pg_backend_pid()")
                    lines.add(cursor.fetchone()[0])
            if set(found) != {name}:
                wrong.append(f"{person.name}, round {number}: {found}")
    except Exception as error:
        wrong.append(repr(error))
    finally:
        connections.close_all()


@pytest.mark.usefixtures("pooled")
def test_two_workspaces_share_one_connection_and_read_their_own() -> None:
    """P5, L39."""
    wrong: list[str] = []
    lines: set[int] = set()
    threads = []
    for person in (ALICE, CHARLIE):
        with acting(person):
            FileFactory(name=f"{person.name}.md")
        threads += [
            threading.Thread(target=read_again_and_again, args=(person, f"{person.name}.md", wrong, lines))
            for _ in range(2)
        ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(lines) == 1, "they did not share what they were to share"
    with pytest.raises(ProgrammingError, match="no workspace is bound"), connections["default"].cursor() as cursor:
        cursor.execute("SELECT name FROM files_file")


@pytest.mark.usefixtures("pooled")
def test_what_is_left_on_a_connection_helps_nobody() -> None:
    """P5: the attacks on what a session keeps, through a connection that everybody shares."""
    rows = [(one, front) for one in MATRIX if one.group in GROUPS for front in one.fronts]
    assert len(rows) > 5
    with staged() as stage:
        for one, front in rows:
            outcome = judging.judged(one, Scene(stage, front))
            assert (outcome.leaks, outcome.broken) == ([], []), outcome.name


@pytest.mark.usefixtures("pooled")
def test_what_one_sets_for_a_session_does_not_reach_the_next() -> None:
    """Without the pool's reset a smuggled SET made the requests of everybody fail who came over this connection."""
    with acting(CHARLIE), connections["default"].cursor() as cursor:
        cursor.execute("SET row_security = off; SET search_path = pg_temp")
    with acting(ALICE):
        assert list(File.objects.all()) == []


@pytest.mark.usefixtures("pooled")
def test_no_cursor_stays_at_the_server() -> None:
    """What a server keeps between two transactions is whoever's comes next, or gone: nothing is kept."""
    found = Account.objects.using("identity").iterator(chunk_size=1)
    next(found)
    with connections["identity"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_cursors")
        assert cursor.fetchone() == (0,)
    assert len(list(found)) > 1
