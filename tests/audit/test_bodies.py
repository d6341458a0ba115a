"""What does the entry of a refusal say of the body that was sent, and of the key that sent it?

The names of its fields, and a keyed fingerprint: whoever reads the trail sees what somebody tried to set, and that two
requests sent the same, and never a value. A bare SHA-256 of a short form is a guess away from the password in it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from audit import entries, ledger, services, spool
from audit.shipper import Shipper
from tests import cast, doors

pytestmark = pytest.mark.usefixtures("committed")

CANARY = "c4n4ry-hunter2"


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.AIAXIS_HOME = tmp_path
    return tmp_path / "spool"


def entries_in(folder: Path) -> list[dict[str, Any]]:
    lines = [line for path in spool.segments(folder) for line in path.read_bytes().splitlines() if line]
    assert not any(CANARY.encode() in line for line in lines)
    return [json.loads(line) for line in lines]


def post(client: Client, **sent: object) -> None:
    assert client.post("/api/v1/agents", data=json.dumps(sent), content_type="application/json").status_code == 400


def test_the_names_of_its_fields_and_that_two_sent_the_same(folder: Path) -> None:
    program = doors.program(cast.BOB)
    post(program, name=CANARY, workspace_id="1")
    post(program, name=CANARY, workspace_id="1")
    post(program, name=f"{CANARY}!", workspace_id="1")
    told = [entry["http"] for entry in entries_in(folder)]
    assert [http["body_keys"] for http in told] == [["name", "workspace_id"]] * 3
    first, same, other = (http["body"]["fingerprint"] for http in told)
    assert first == same != other
    plain = hashlib.sha256(json.dumps({"name": CANARY, "workspace_id": "1"}).encode()).hexdigest()
    assert first[:16] not in plain


def test_a_form_is_told_as_json_is(folder: Path) -> None:
    typed = urlencode({"email": "bob@acme.example", "password": CANARY})
    Client().post("/sign-in/", typed, content_type="application/x-www-form-urlencoded")
    [entry] = entries_in(folder)
    assert entry["http"]["body_keys"] == ["email", "password"]
    assert len(entry["http"]["body"]["fingerprint"]) == 32


def test_of_files_that_went_by_in_pieces_the_names_of_their_fields_alone(folder: Path) -> None:
    upload = SimpleUploadedFile("plan.txt", CANARY.encode())
    assert doors.browser(cast.BOB).post("/files/", {"owner": "1", "files": upload}).status_code == 400
    [entry] = entries_in(folder)
    assert (entry["http"]["body_keys"], set(entry["http"]["body"])) == (["owner", "files"], {"type", "length"})


def test_what_is_refused_before_its_body_is_read_does_not_read_it(folder: Path) -> None:
    nobody = Client()
    nobody.post("/sign-in/", {"email": "x" * 70_000})
    [entry] = entries_in(folder)
    assert (set(entry["http"]["body"]), "body_keys" in entry["http"]) == ({"type", "length"}, False)


def test_many_long_names_are_cut_as_parameters_are(folder: Path) -> None:
    for letter in "eé":
        post(doors.program(cast.BOB), **{f"{number:03} {letter * 90}": 1 for number in range(150)}, workspace_id="1")
    plain, wide = (entry["http"] for entry in entries_in(folder))
    assert len(plain["body_keys"]) == 25
    assert max(map(len, plain["body_keys"])) == 64
    # Twelve bytes for each letter: they are what does not fit into a line, and the rest stays.
    assert (wide["cut"], "body_keys" in wide, set(wide["body"])) == (True, False, {"type", "length", "fingerprint"})


def test_a_key_is_named_so_that_its_owner_finds_which_it_was(folder: Path) -> None:
    minted = doors.key(cast.BOB)
    program = Client(headers={"Authorization": f"Bearer {minted.value}"})
    assert program.get("/api/v1/agents/0190b6a0-7c11-7b3a-9df0-1c2d3e4f5a6b").status_code == 404
    doors.browser(cast.BOB).get("/agents/0190b6a0-7c11-7b3a-9df0-1c2d3e4f5a6b/")
    by_key, by_session = entries_in(folder)
    assert by_key["actor"]["key"] == str(minted.key.pk)
    assert "key" not in by_session["actor"]


@pytest.mark.parametrize("key", ["", "no id at all", 7, ["0190b6a0-7c11-7b3a-9df0-1c2d3e4f5a6b"], None])
def test_whatever_a_members_own_sql_calls_a_key_the_trail_is_read(key: object) -> None:
    """P7: one row that an injected statement added must not keep a workspace from its own trail."""
    entry = entries.fact("file.deleted", actor=cast.ALICE.tenant)
    ledger.post([entries.encode({**entry, "actor": {"key": key}})])
    answer = doors.program(cast.ALICE).get("/api/v1/audit?action=file.deleted")
    assert answer.status_code == 200
    assert [one["key_id"] for one in answer.json()["items"]] == [None]


def test_the_trail_says_which_key_it_was(folder: Path) -> None:
    minted = doors.key(cast.ALICE)
    program = Client(headers={"Authorization": f"Bearer {minted.value}"})
    program.get("/api/v1/audit")
    services._spool(folder).close()
    Shipper(folder).ship()
    [read, *_] = program.get("/api/v1/audit?action=trail.read").json()["items"]
    assert read["key_id"] == str(minted.key.pk)
