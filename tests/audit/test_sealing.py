"""Does whoever changes the trail behind our back leave a mark, whatever they do and however much of it they may do?

Every sabotage here is made by the database's superuser, whom no grant and no trigger stops.
"""

from __future__ import annotations

import base64
import json
import resource
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings as configured
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections
from pytest_django import Settings

from accounts.http import Refusal
from audit import entries, ledger, notes, sealing, verification

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture(autouse=True)
def home(settings: Settings, tmp_path: Path) -> Path:
    """A folder of its own for the notes outside."""
    settings.AIAXIS_HOME = tmp_path
    return tmp_path


def put(count: int) -> list[str]:
    """Put entries into the trail, as the shipper does; return their ids in order."""
    made = [
        entries.denial(None, status=404, refusal=Refusal("not_found", "request.refused"), actor=None)
        for _ in range(count)
    ]
    ledger.post([entries.encode(entry) for entry in made])
    return [str(entry["id"]) for entry in made]


def put_and_seal(monkeypatch: pytest.MonkeyPatch, *sizes: int) -> list[str]:
    """Make as many seals, of so many entries."""
    monkeypatch.setattr(sealing, "LONGEST_SECONDS", 0)
    ids = []
    for size in sizes:
        ids += put(size)
        assert sealing.seal() == size
    return ids


def test_what_was_not_touched_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    put_and_seal(monkeypatch, 3, 2)
    put(1)
    report = verification.verify()
    assert (report.entries, report.sealed, report.waiting) == (6, 5, 1)
    assert report.holds


def test_a_full_batch_is_sealed_at_once_and_a_small_one_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "MOST_ENTRIES", 4)
    put(9)
    # Nothing was ever sealed, so what is left over need not wait either.
    assert sealing.seal() == 8
    put(1)
    assert sealing.seal() == 0
    monkeypatch.setattr(sealing, "LONGEST_SECONDS", 0)
    assert sealing.seal() == 2


def test_an_entry_that_comes_late_is_sealed_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that waited in a spool has an older id than what is sealed already."""
    early = entries.denial(None, status=404, refusal=Refusal("not_found", "request.refused"), actor=None)
    put_and_seal(monkeypatch, 2)
    ledger.post([entries.encode(early)])
    assert sealing.seal() == 1
    assert verification.verify().holds


def put_and_seal_beside() -> int:
    """As another process does it: on connections of its own."""
    try:
        put(1)
        return sealing.seal()
    finally:
        connections.close_all()


def test_what_is_sealed_while_the_trail_is_verified_is_no_end_that_was_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its note stands outside already, and its seal is not in the picture of the database that is compared."""
    put_and_seal(monkeypatch, 2)

    def goes_on(done: int) -> None:
        with ThreadPoolExecutor(1) as beside:
            assert beside.submit(put_and_seal_beside).result() == 1

    report = verification.verify(goes_on)
    assert report.holds, report
    assert report.sealed == 2
    assert verification.verify().sealed == 3


Sabotage = Callable[[psycopg.Connection[Any], list[str]], None]


def edit(line: psycopg.Connection[Any], ids: list[str]) -> None:
    """Make a refusal an ordinary answer."""
    line.execute("UPDATE audit_entry SET outcome = 'allowed' WHERE id = %s", [ids[1]])


def delete(line: psycopg.Connection[Any], ids: list[str]) -> None:
    """Take an entry away."""
    line.execute("DELETE FROM audit_entry WHERE id = %s", [ids[1]])


def swap(line: psycopg.Connection[Any], ids: list[str]) -> None:
    """Let two entries change places."""
    line.execute("UPDATE audit_seal SET ids = ARRAY[ids[2], ids[1], ids[3]] WHERE seq = 1")


def swap_seals(line: psycopg.Connection[Any], ids: list[str]) -> None:
    """Let two seals change places."""
    line.execute("UPDATE audit_seal SET seq = CASE seq WHEN 1 THEN -2 ELSE -1 END; UPDATE audit_seal SET seq = -seq")


def empty_a_seal(line: psycopg.Connection[Any], ids: list[str]) -> None:
    """Let a seal be over nothing."""
    line.execute("UPDATE audit_seal SET ids = '{}', leaves = '' WHERE seq = 1")


def insert(line: psycopg.Connection[Any], ids: list[str]) -> None:
    """Add an entry that nobody wrote, past the trigger."""
    line.execute("CREATE TEMPORARY TABLE forged AS SELECT * FROM audit_entry WHERE id = %s", [ids[0]])
    line.execute("UPDATE forged SET id = '01900000-0000-7000-8000-000000000001'")
    line.execute("INSERT INTO audit_entry SELECT * FROM forged")


def double(retention: str, line: psycopg.Connection[Any], ids: list[str]) -> None:
    """Put another entry beside one, under its very id: the key is the id together with how long it is kept."""
    line.execute("CREATE TEMPORARY TABLE forged AS SELECT * FROM audit_entry WHERE id = %s", [ids[0]])
    line.execute("UPDATE forged SET retention = %s, outcome = 'allowed'", [retention])
    line.execute("INSERT INTO audit_entry SELECT * FROM forged")


def cut_off(line: psycopg.Connection[Any], ids: list[str]) -> None:
    """Remove the end, its seal with it: what is left is a whole chain."""
    line.execute("DELETE FROM audit_entry WHERE id = ANY(%s)", [ids[3:]])
    line.execute("DELETE FROM audit_seal WHERE seq = 2")


def empty(line: psycopg.Connection[Any], ids: list[str]) -> None:
    """Remove everything."""
    line.execute("TRUNCATE audit_entry, audit_seal, audit_unsealed")


def reseal_with_another_key(line: psycopg.Connection[Any], ids: list[str]) -> None:
    """Edit, and make the whole chain anew with a key of one's own."""
    edit(line, ids)
    _forge_chain(line, bytes(range(32)))


def reseal_with_the_stolen_key(line: psycopg.Connection[Any], ids: list[str]) -> None:
    """Edit, and make the whole chain anew with the very key: only the notes outside tell."""
    edit(line, ids)
    _forge_chain(line, configured.SEAL_KEY)


def _forge_chain(line: psycopg.Connection[Any], key: bytes) -> None:
    digest, size = sealing.NOTHING, 0
    for seq, ids in line.execute("SELECT seq, ids FROM audit_seal ORDER BY seq").fetchall():
        line.execute("SET timezone = 'UTC'")
        found = sealing.leaves_of(line.cursor(), ids)
        leaves = b"".join(found[entry] for entry in ids)
        digest, size = sealing.chained(digest, ids, leaves), size + len(ids)
        note = notes.signed(notes.Checkpoint(size, digest), key)
        line.execute(
            "UPDATE audit_seal SET leaves = %s, digest = %s, note = %s WHERE seq = %s", [leaves, digest, note, seq]
        )


@pytest.mark.parametrize(
    ("sabotage", "found"),
    [
        (edit, {"broken"}),
        (delete, {"missing"}),
        (swap, {"broken"}),
        (swap_seals, {"broken"}),
        (empty_a_seal, {"broken"}),
        (insert, {"broken"}),
        (partial(double, "d30"), {"broken"}),
        (partial(double, "d90"), {"broken"}),
        (partial(double, "y7"), {"broken"}),
        (cut_off, {"truncated"}),
        (empty, {"truncated"}),
        (reseal_with_another_key, {"broken"}),
        (reseal_with_the_stolen_key, {"broken"}),
    ],
)
def test_it_finds(
    sabotage: Sabotage, found: set[str], superuser: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """P6: nothing seen can be unseen."""
    ids = put_and_seal(monkeypatch, 3, 2)
    sabotage(superuser, ids)
    report = verification.verify()
    assert not report.holds
    assert found == {name for name in ("broken", "missing", "truncated") if getattr(report, name)}


def test_it_names_the_entry_that_was_changed(
    superuser: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = put_and_seal(monkeypatch, 3)
    edit(superuser, ids)
    assert verification.verify().broken == [f"entry {ids[1]} is not what was sealed"]


def test_an_entry_removed_before_its_seal_is_missed_for_ever(
    superuser: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    [gone, _] = put(2)
    superuser.execute("DELETE FROM audit_entry WHERE id = %s", [gone])
    monkeypatch.setattr(sealing, "LONGEST_SECONDS", 0)
    assert sealing.seal() == 2
    assert verification.verify().missing == [gone]


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_seal SET size = 0", "DELETE FROM audit_seal", "DELETE FROM audit_entry"]
)
def test_no_role_that_runs_may_change_what_is_sealed(statement: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put_and_seal(monkeypatch, 1)
    for alias in ("default", "ops", "queue", "audit", "seal"):
        with pytest.raises(DatabaseError), connections[alias].cursor() as cursor:
            cursor.execute(statement)


def test_a_note_that_could_not_be_written_is_written_next_time(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    (home / "seals").write_text("in the way")
    put(1)
    monkeypatch.setattr(sealing, "LONGEST_SECONDS", 0)
    with pytest.raises(OSError):
        sealing.seal()
    (home / "seals").unlink()
    assert sealing.seal() == 0
    assert [notes.opened(note, configured.SEAL_KEY).size for note in sealing.kept_outside()] == [1]
    assert verification.verify().holds


def sizes_outside() -> list[int]:
    return [notes.opened(note, configured.SEAL_KEY).size for note in sealing.kept_outside()]


def test_a_note_of_which_a_full_disk_took_half_spoils_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one would be read together with that half, as a note that somebody forged, for ever."""
    put_and_seal(monkeypatch, 1)
    put(1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (sealing.outside().stat().st_size + 40, before[1]))
    try:
        with pytest.raises(OSError):
            sealing.seal()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert verification.verify().holds
    assert sealing.seal() == 0
    assert sizes_outside() == [1, 2]
    assert verification.verify().holds


def test_a_note_of_which_a_power_cut_left_half_is_written_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    put_and_seal(monkeypatch, 1, 1)
    whole = sealing.outside().read_bytes()
    sealing.outside().write_bytes(whole[:-60])
    assert sealing.seal() == 0
    assert sealing.outside().read_bytes() == whole
    assert verification.verify().holds


def test_anybody_with_the_public_key_can_check_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    """Written anew from the specification of signed notes, and not with our own reader."""
    put_and_seal(monkeypatch, 2)
    [note] = sealing.kept_outside()
    name, _, key = notes.verifier_key(configured.SEAL_KEY).split("+", 2)
    raw_key = base64.b64decode(key)
    text, signature = note.split("\n\n")
    dash, signer, stamp = signature.strip().split(" ")
    raw = base64.b64decode(stamp)
    assert (dash, signer, raw_key[:1]) == ("—", name, b"\x01")
    assert raw[:4] == sha256(name.encode() + b"\n" + raw_key).digest()[:4]
    Ed25519PublicKey.from_public_bytes(raw_key[1:]).verify(raw[4:], f"{text}\n".encode())
    assert text.split("\n")[:2] == ["aiaxis/audit", "2"]


def test_a_copy_that_was_kept_elsewhere_shows_an_end_that_was_cut_off_inside_and_outside(
    superuser: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """Whoever owns the machine cuts the file of the notes as well."""
    put_and_seal(monkeypatch, 1)
    shorter = sealing.outside().read_bytes()
    [last] = put_and_seal(monkeypatch, 1)
    copy = tmp_path / "kept.txt"
    copy.write_bytes(
        sealing.outside().read_bytes() + b"aiaxis/audit\n3"
    )  # It was copied while the next one was written.
    call_command("verify_audit", "--json", checkpoints=[copy])
    superuser.execute("DELETE FROM audit_entry WHERE id = %s", [last])
    superuser.execute("DELETE FROM audit_seal WHERE seq = 2")
    sealing.outside().write_bytes(shorter)
    capsys.readouterr()
    call_command("verify_audit", "--json")
    with pytest.raises(SystemExit):
        call_command("verify_audit", "--json", checkpoints=[copy])
    alone, compared = map(json.loads, capsys.readouterr().out.strip().replace("}{", "}\n{").splitlines())
    assert (alone["truncated"], compared["truncated"], compared["broken"]) == (False, True, [])
    for other, why in ((tmp_path / "none.txt", "cannot be read"), (tmp_path / "empty.txt", "holds no checkpoint")):
        (tmp_path / "empty.txt").touch()
        with pytest.raises(CommandError, match=why):
            call_command("verify_audit", checkpoints=[other])


def test_the_command_says_so_and_fails_on_a_finding(
    superuser: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = put_and_seal(monkeypatch, 2)
    call_command("verify_audit", "--json")
    whole = json.loads(capsys.readouterr().out)
    nothing = {"waiting": 0, "archived": 0, "broken": [], "missing": [], "truncated": False}
    assert whole == {"entries": 2, "sealed": 2, **nothing}
    delete(superuser, ids)
    with pytest.raises(SystemExit):
        call_command("verify_audit")
    assert f"entry {ids[1]} is gone" in capsys.readouterr().out
