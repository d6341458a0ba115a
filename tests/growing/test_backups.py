"""Is a copy of a live installation worth anything: can it be brought back, whole, and is what it cannot know said?"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from pytest_django import Settings

from aiaxis import stores
from aiaxis.backups import comparing, making, notes, programs, restoring
from aiaxis.backups.making import Refused
from aiaxis.environment import Environment
from aiaxis.exports.models import WorkspaceExport
from aiaxis.postgres.places import Places
from aiaxis.protection import standing
from audit import spool
from files import storage
from tests.aiaxis.test_serve import free_port, status
from tests.cast import ALICE, CHARLIE, Person, acting
from tests.factories import Desk, FileFactory, a_full_desk
from tests.files import bucket
from tests.test_settings_profiles import ROOT
from tests.waiting import PATIENCE, until

NOT_OURS = ("DATABASE_", "CACHE_URL", "AIAXIS_HOME", "PYTEST_")
SECRETS = ("SECRET_KEY", "FENCE_KEY", "JOB_KEY", "SEAL_KEY", "IDENTITY_KEY", "NOTIFY_KEY", "MODEL_KEY")
NOTE = notes.Note("2026-11-26T12:00:00+00:00", "18.6", {}, 3, [], 0, has_files=True)


# --- In short --------------------------------------------------------------------------------------------------------


def a_copy(folder: Path, **changed: Any) -> Path:
    folder.mkdir()
    notes.write(folder, replace(NOTE, **{"keys": notes.fingerprints(), **changed}))
    return folder


@pytest.mark.django_db(databases=["owner", "identity"])
def test_a_copy_that_does_not_fit_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut short, under other keys, of a newer version, over what is there: each says so, and no program runs."""
    monkeypatch.setattr(programs, "_run", lambda *_: pytest.fail("a program was run"))
    (tmp_path / "cut").mkdir()
    other = {**notes.fingerprints(), "FENCE_KEY": "0" * 16}
    for folder, words in (
        (tmp_path / "cut", "no whole copy"),
        (a_copy(tmp_path / "keys", keys=other), "another FENCE_KEY"),
        (a_copy(tmp_path / "newer", migrations=["files.9999_later"]), "newer AiAxis"),
        (a_copy(tmp_path / "over"), "not empty"),
    ):
        with pytest.raises(Refused, match=words):
            restoring.restore(folder)


@pytest.mark.django_db(databases=["owner", "identity"])
def test_a_copy_is_recorded_before_it_is_made_and_never_mixed_with_another(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of everybody's data leaves the fence: that is an entry, and a page says when there was one."""
    settings.AIAXIS_HOME = tmp_path / "home"
    (tmp_path / "home" / "storage" / "incoming").mkdir(parents=True)
    assert "Nobody has made one" in text_of("Backups")
    written: list[str] = []
    monkeypatch.setattr(programs, "dump", lambda name, file: written.append(name))
    making.make(tmp_path / "copy")
    assert written == ["platform", "identity"], "of a person who comes in between, the second holds half"
    lines = b"".join(path.read_bytes() for path in spool.segments(tmp_path / "home" / "spool"))
    assert b'"backup.made"' in lines
    assert "The last one" in text_of("Backups")
    assert (tmp_path / "copy").stat().st_mode & 0o077 == 0
    with pytest.raises(Refused, match="there already"):
        making.make(tmp_path / "copy")
    assert not (tmp_path / "copy" / "secrets.json").exists()


@pytest.mark.django_db(databases=["owner", "identity"])
def test_what_leaves_the_trail_while_the_copy_is_made_is_in_it_and_no_later_checkpoint(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A month that had left before its database was copied, and whose archive was not there yet, would be in neither."""
    settings.AIAXIS_HOME = home = tmp_path / "home"
    for name in ("storage/incoming", "seals", "archive", "spool/archive"):
        (home / name).mkdir(parents=True)
    (home / "seals" / "checkpoints.txt").write_text("before")

    def goes_on(name: str, file: Path) -> None:
        for folder in ("archive", "spool/archive"):
            (home / folder / f"{name}.gz").write_text("left")
        (home / "seals" / "checkpoints.txt").write_text("after")

    monkeypatch.setattr(programs, "dump", goes_on)
    making.make(tmp_path / "copy")
    for folder in ("archive", "spool/archive"):
        assert sorted(path.name for path in (tmp_path / "copy" / folder).iterdir()) == ["identity.gz", "platform.gz"]
    assert (tmp_path / "copy" / "seals" / "checkpoints.txt").read_text() == "before"


def text_of(name: str) -> str:
    return next(one.text for row in standing.facts().values() for one in row if one.name == name)


def furnished(person: Person) -> Desk:
    """One of everything, whose file has bytes; so have the export and the imports that stand there."""
    desk = a_full_desk(person)
    with acting(person):
        storage.save(desk.rows["file_id"].storage_key, ContentFile(b"Refunds take ten days."))
    return desk


@pytest.mark.usefixtures("committed")
def test_files_without_bytes_and_bytes_without_a_row_are_told_apart(
    tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Over every workspace, by ids alone; what an export or an import holds has a row of its own, and a refused file may have none."""
    settings.AIAXIS_HOME = tmp_path
    settings.STORAGES = stores.of(Environment(), tmp_path)
    ours, theirs = furnished(ALICE), furnished(CHARLIE)
    lost = theirs.rows["file_id"]
    with acting(ALICE):
        FileFactory(status="refused", name="refused.md")
        export = WorkspaceExport.objects.get()
        storage.save(f"{ALICE.tenant.workspace_id.hex}/{export.pk.hex}", ContentFile(b"an export"))
        unnamed = storage.new_key()
        storage.save(unnamed, ContentFile(b"of a row that is gone"))
    (storage.incoming() / "arriving.part").write_bytes(b"an upload")
    assert comparing.compare() == comparing.Compared(2, [], [unnamed])
    with acting(CHARLIE):
        storage.delete(lost.storage_key)
    with pytest.raises(SystemExit):
        call_command("check_files")
    said = capsys.readouterr().out
    assert "Files with their bytes: 1." in said
    assert f"workspace {CHARLIE.tenant.workspace_id}  file {lost.pk}  bytes {lost.storage_key}" in said
    assert (lost.name in said, str(ours.rows["file_id"].pk) in said) == (False, False)
    with pytest.raises(SystemExit):
        call_command("check_files", "--unnamed")
    assert capsys.readouterr().out == f"{unnamed}\n"
    settings.STORAGES = bucket.configured("http://127.0.0.1:9")
    with pytest.raises(CommandError, match="can't be reached"):
        call_command("check_files")


def test_every_model_that_names_bytes_is_compared() -> None:
    """What a new model keeps would be told to be nobody's, and be removed by whoever tidies up."""
    named = {
        f"{model._meta.db_table}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.local_fields
        if field.name in ("storage_key", "trail_key", "stored")
    }
    asked = comparing._FILES + comparing._OTHERS
    for one in named:
        table, field = one.split(".")
        assert (table in asked, field in asked) == (True, True), one
    assert len(named) == 5


# --- The drill -------------------------------------------------------------------------------------------------------


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(NOT_OURS) and name not in SECRETS}
    return {**kept, "AIAXIS_HOME": str(home), "PYTHON": sys.executable, **more}


def manage(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment(home),
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def served(home: Path, *switches: str) -> Iterator[str]:
    """The whole installation of this home; the address."""
    home.mkdir(exist_ok=True)
    port = free_port()
    with (home / "said.txt").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", *switches],
            cwd=ROOT, env=environment(home, PORT=str(port), WEB_WORKERS="1"), stdout=said, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            address = f"http://127.0.0.1:{port}"
            assert until(lambda: status(f"{address}/readyz") == 200), (home / "said.txt").read_text()
            yield address
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)


def ask(address: str, path: str, key: str, *, body: bytes | None = None, media: str = "application/json") -> bytes:
    headers = {"Authorization": f"Bearer {key}", **({"Content-Type": media} if body else {})}
    with urlopen(Request(f"{address}{path}", body, headers), timeout=PATIENCE) as answer:  # noqa: S310 - our own address
        return bytes(answer.read())


def upload(address: str, key: str, name: str, text: bytes) -> str:
    head = f'--line\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/markdown\r\n\r\n'
    media = "multipart/form-data; boundary=line"
    sent = ask(address, "/api/v1/files", key, body=head.encode() + text + b"\r\n--line--\r\n", media=media)
    return str(json.loads(sent)["id"])


def checkpoints(home: Path) -> int:
    path = home / "seals" / "checkpoints.txt"
    return path.read_text().count("aiaxis/audit\n") if path.exists() else 0


def new_home(folder: Path, before: Path) -> Path:
    """A home with nothing but the keys of another."""
    folder.mkdir(mode=0o700)
    shutil.copy2(before / "secrets.json", folder / "secrets.json")
    return folder


def forget(*homes: Path) -> None:
    """Run as root, clusters lie outside their homes."""
    for home in homes:
        if Places.of(home).as_root:
            shutil.rmtree(Places.of(home).room, ignore_errors=True)


@pytest.mark.soak
def test_the_drill(tmp_path: Path) -> None:
    """Back up a live installation, lose it, and bring it back: proven, verified, served, byte for byte; and say what is lost."""
    live, copy = tmp_path / "live", tmp_path / "copy"
    homes = [live, *(tmp_path / name for name in ("again", "behind", "wrong"))]
    text = b"# Plan\n\n" + os.urandom(4000).hex().encode() + b"\n"
    try:
        with served(live, "--demo") as address:
            told = json.loads((live / "demo.json").read_text())
            key = told["api_keys"][0]["key"]
            file = upload(address, key, "plan.md", text)
            assert until(lambda: checkpoints(live) > 0)
            made = manage(live, "backup", str(copy))
            assert made.returncode == 0, made.stdout + made.stderr
            # What happens after the copy is sealed as well, a minute after the seal before.
            before = checkpoints(live)
            late = upload(address, key, "late.md", b"Made after the copy, and lost with the installation.\n")
            assert until(lambda: checkpoints(live) > before)
        _drill_script(copy, live)
        _brought_back(new_home(homes[1], live), copy, key, file, late, text)
        _told_what_is_lost(new_home(homes[2], live), live, copy)
        wrong = manage(homes[3], "restore", str(copy))
        assert wrong.returncode != 0
        assert "under another FENCE_KEY" in wrong.stderr
    finally:
        forget(*homes)


def _drill_script(copy: Path, live: Path) -> None:
    """The script of the documentation, which says of a copy whether it is worth something."""
    command = [str(ROOT / "docs" / "example" / "drill.sh"), str(copy), str(live / "secrets.json")]
    drill = subprocess.run(command, cwd=ROOT, env=environment(live), capture_output=True, text=True, check=False)
    assert drill.returncode == 0, drill.stdout[-3000:] + drill.stderr[-3000:]
    assert " 0 leaks." in drill.stdout
    assert "the copy is worth something" in drill.stdout
    home = next(line.split()[4] for line in drill.stdout.splitlines() if line.startswith("== brought back into"))
    forget(Path(home))


def _brought_back(again: Path, copy: Path, key: str, file: str, late: str, text: bytes) -> None:
    """A new home with the keys and the copy is the installation as it was."""
    done = manage(again, "restore", str(copy))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no bytes" not in done.stdout
    with served(again) as address:
        assert ask(address, f"/api/v1/files/{file}/content", key) == text
        assert late not in ask(address, "/api/v1/files", key).decode()
        verified = manage(again, "verify_audit", "--json")
        assert verified.returncode == 0, verified.stdout
        assert json.loads(verified.stdout)["sealed"] > 0
    # Never over what is there.
    over = manage(again, "restore", str(copy))
    assert over.returncode != 0
    assert "not empty" in over.stderr


def _told_what_is_lost(behind: Path, live: Path, copy: Path) -> None:
    """L: where the checkpoints of the lost installation were kept, the older copy is known for what it is."""
    (behind / "seals").mkdir()
    shutil.copy2(live / "seals" / "checkpoints.txt", behind / "seals" / "checkpoints.txt")
    done = manage(behind, "restore", str(copy))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "checkpoints of a longer trail" in done.stdout
    verified = manage(behind, "verify_audit", "--json")
    assert verified.returncode == 1, verified.stdout
    assert json.loads(verified.stdout)["truncated"] is True
