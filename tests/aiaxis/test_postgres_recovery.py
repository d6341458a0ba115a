"""Do processes share the embedded server, and is it back by itself after whatever killed it?"""

import os
import signal

import psycopg
import pytest

from aiaxis.postgres import ROLES, EmbeddedServer
from tests.aiaxis.clusters import ask, is_alive, postmaster, read_pid, use_in_another_process
from tests.environment import ROOT
from tests.waiting import PATIENCE, until

# Sharing


def test_racing_processes_get_one_server_and_the_last_one_stops_it(fresh: EmbeddedServer) -> None:
    processes = [use_in_another_process(fresh) for _ in range(4)]
    pids = {read_pid(process) for process in processes}
    assert len(pids) == 1
    for process in processes[:3]:
        process.communicate(timeout=PATIENCE)
        assert fresh.is_answering()
    processes[3].communicate(timeout=PATIENCE)
    assert not fresh.is_answering()
    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    assert until(lambda: not any(map(is_alive, pids)))


def test_a_killed_user_leaves_no_claim_on_the_server(running: EmbeddedServer) -> None:
    process = use_in_another_process(running)
    assert read_pid(process) == postmaster(running)
    process.kill()
    process.communicate()
    running.stop()
    assert not running.is_answering()


def test_a_forked_child_does_not_stop_its_parents_server(running: EmbeddedServer) -> None:
    child = os.fork()
    if child == 0:
        running.stop()
        os._exit(0)
    os.waitpid(child, 0)
    assert running.is_answering()
    assert running.is_answering()


# Recovery


def test_rows_survive_a_stop_and_a_killed_postmaster(running: EmbeddedServer) -> None:
    with psycopg.connect(running.url("aiaxis_owner"), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 41 AS n")
        connection.execute("UPDATE kept SET n = 42")
    running.stop()
    assert not running.is_answering()
    running.start()
    assert ask(running, "SELECT n FROM kept") == [(42,)]
    with psycopg.connect(running.url("aiaxis_owner"), autocommit=True) as connection:
        connection.execute("UPDATE kept SET n = 43")
        os.kill(postmaster(running), signal.SIGKILL)
    running.start()
    assert ask(running, "SELECT n FROM kept") == [(43,)]


def test_a_killed_backend_brings_the_server_back_by_itself(running: EmbeddedServer) -> None:
    pid = postmaster(running)
    with psycopg.connect(running.url("aiaxis_owner"), autocommit=True) as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT pg_sleep(5)")
    assert until(running.is_answering)
    assert postmaster(running) == pid


@pytest.mark.parametrize("content", ["", "12", "not a number\n", "999999999\n/nowhere\n", "-1\n"])
def test_a_truncated_or_stale_pid_file_does_not_keep_it_down(running: EmbeddedServer, content: str) -> None:
    running.stop()
    (running.places.data / "postmaster.pid").write_text(content)
    running.start()
    assert running.is_answering()


def test_a_recycled_pid_is_not_taken_for_the_server(running: EmbeddedServer) -> None:
    """After a reboot the number in the file may be anybody's: here, this very test's."""
    running.stop()
    text = f"{os.getpid()}\n{running.places.data}\n1700000000\n5432\n{running.places.socket_directory}\n\n  1 1\nready   \n"
    (running.places.data / "postmaster.pid").write_text(text)
    (running.places.socket_directory / ".s.PGSQL.5432.lock").write_text(text)
    running.start()
    assert running.is_answering()
    assert postmaster(running) != os.getpid()


def test_a_zombie_is_not_taken_for_the_server(running: EmbeddedServer) -> None:
    """In a container whose first process reaps nobody the old postmaster stays in the process table for ever."""
    running.stop()
    zombie = os.fork()
    if zombie == 0:
        os._exit(0)
    text = f"{zombie}\n{running.places.data}\n1700000000\n5432\n{running.places.socket_directory}\n\n  1 1\nready   \n"
    (running.places.data / "postmaster.pid").write_text(text)
    running.start()
    assert running.is_answering()
    os.waitpid(zombie, 0)


def test_a_removed_socket_is_made_again(running: EmbeddedServer) -> None:
    for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
        (running.places.socket_directory / name).unlink()
    assert not running.is_answering()
    running.start()
    assert ask(running, "SELECT 1") == [(1,)]


def test_a_cluster_that_was_never_finished_is_made_again(fresh: EmbeddedServer) -> None:
    """A kill between `initdb` and the last GRANT must not leave a server without its roles."""
    process = use_in_another_process(fresh)
    assert until(fresh.places.data.exists)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not fresh.places.finished.exists()
    fresh.start()
    assert ask(fresh, "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'aiaxis%'") == [(len(ROLES),)]


def test_a_cluster_of_an_earlier_version_gets_the_new_flags(running: EmbeddedServer) -> None:
    with psycopg.connect(running.superuser_url("aiaxis"), autocommit=True) as connection:
        connection.execute("ALTER FUNCTION textlike(text, text) LEAKPROOF")
    running.places.finished.write_text(running.places.finished.read_text().split()[0])
    running.start()
    assert ask(running, "SELECT proleakproof FROM pg_proc WHERE oid = 'textlike(text, text)'::regprocedure") == [
        (False,)
    ]


def test_data_whose_passwords_are_lost_are_set_aside_and_not_deleted(fresh: EmbeddedServer) -> None:
    """As root the cluster outlives a deleted home; it may be the only copy of somebody's work."""
    with fresh, psycopg.connect(fresh.url("aiaxis_owner"), autocommit=True) as connection:
        connection.execute("CREATE TABLE precious AS SELECT 1")
    fresh.places.credentials.unlink()
    fresh.start()
    assert ask(fresh, "SELECT to_regclass('precious')") == [(None,)]
    assert (fresh.places.room / "data-of-deleted-home" / "PG_VERSION").exists()


def test_one_former_cluster_is_kept_and_never_more(fresh: EmbeddedServer) -> None:
    """README: deleting the home begins anew, the former data wait once under a name that says what they are."""
    for number in (1, 2):
        with fresh, psycopg.connect(fresh.url("aiaxis_owner"), autocommit=True) as connection:
            connection.execute(f"CREATE TABLE precious_{number} AS SELECT 1")
        fresh.places.credentials.unlink()
    fresh.start()
    assert ask(fresh, "SELECT to_regclass('precious_1'), to_regclass('precious_2')") == [(None, None)]
    kept = [path.name for path in fresh.places.room.iterdir() if path.name.startswith("data")]
    assert sorted(kept) == ["data", "data-of-deleted-home"]
    described = next(line for line in (ROOT / "README.md").read_text().splitlines() if "data-of-deleted-home" in line)
    assert "aside" in described
