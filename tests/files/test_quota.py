"""Does a workspace keep no more than it may, whoever uploads and however many at once, and can nobody but an operator change that?"""

from __future__ import annotations

import html
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import ProgrammingError, connection, connections, transaction
from pytest_django import Settings

from accounts.models import Workspace
from accounts.services import workspaces
from accounts.tenancy import claims
from files import quota, services, storage
from files.models import File
from files.uploads import from_bytes
from tests.accounts.operating import olga
from tests.cast import ACME, ALICE, BOB, CHARLIE, VERA, Person, acting
from tests.doors import browser, program

PAGE = {"databases": ["default", "identity", "cache"]}
LARGE = b"words and " * 60_000  # 600 kB of the megabyte below


@pytest.fixture(autouse=True)
def _a_megabyte(settings: Settings, tmp_path: Path) -> None:
    settings.QUOTA_MEGABYTES = 1


def part(content: bytes = LARGE, name: str = "large.txt") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def keep(person: Person, name: str = "large.txt", content: bytes = LARGE) -> File:
    """Taken in, and not read: its text is of no interest here, and long."""
    with acting(person), from_bytes(name, content) as received:
        return services.upload(actor=person.tenant, content=received, name=name).file


def bytes_of(person: Person) -> list[Path]:
    folder = storage.incoming().parent / person.tenant.workspace_id.hex
    return sorted(folder.glob("*")) if folder.exists() else []


@pytest.mark.django_db(**PAGE)
def test_what_has_no_room_is_refused_with_the_figures_and_nothing_of_it_stays() -> None:
    """Also what a colleague keeps for himself counts, and the refusal says no more of it than the sum."""
    secret = keep(ALICE, "falcon.txt")
    before = bytes_of(BOB)
    form = browser(BOB).post("/files/upload/", {"visibility": "private", "file": part(LARGE + b"!")})
    script = browser(BOB).post(
        "/files/upload/", {"visibility": "private", "file": part(LARGE + b"!")}, headers={"accept": "application/json"}
    )
    api = program(BOB).post("/api/v1/files", {"file": part(LARGE + b"!")})
    for answer in (form, script, api):
        text = html.unescape(answer.content.decode()).replace("\xa0", " ").replace("\\u00a0", " ")
        assert answer.status_code == 409
        assert "keeps 585.9 KB of the 1.0 MB that it may, so this file of 585.9 KB was not stored" in text
        assert "falcon" not in text
        assert str(secret.pk) not in text
    assert (bytes_of(BOB), list(storage.incoming().glob("*.part"))) == (before, [])
    with acting(BOB):
        assert not File.objects.exists()
    assert program(CHARLIE).post("/api/v1/files", {"file": part()}).status_code == 201, "another workspace has its own"


@pytest.mark.django_db(**PAGE)
def test_deleting_makes_room_and_the_count_of_files_is_limited_too(settings: Settings) -> None:
    settings.QUOTA_FILES = 1
    kept = keep(BOB)
    empty = program(BOB).post("/api/v1/files", {"file": part(b"", "empty.txt")})
    assert (empty.status_code, "1 of the 1 files" in empty.json()["detail"]) == (409, True)
    assert program(BOB).delete(f"/api/v1/files/{kept.pk}").status_code == 204
    assert program(BOB).post("/api/v1/files", {"file": part()}).status_code == 201


@pytest.mark.django_db(**PAGE)
def test_page_and_api_show_the_sum_and_the_limit_to_every_member() -> None:
    keep(ALICE, "falcon.txt")
    keep(CHARLIE)
    page = browser(VERA).get("/files/").content.decode().replace("\xa0", " ")
    assert "585.9 KB of 1.0 MB, 1 of 10,000 files" in page
    assert "falcon" not in page
    assert program(VERA).get("/api/v1/storage").json() == {
        "bytes": 600_000,
        "files": 1,
        "most_bytes": 1_048_576,
        "most_files": 10_000,
    }


def test_two_at_the_same_moment_do_not_both_find_the_last_room(
    committed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have found room before either has written its row; the second one's bytes go again."""
    together, save = threading.Barrier(2, timeout=30), storage.save

    def meet(key: str, content: Any) -> None:
        save(key, content)
        together.wait()

    def upload(number: int) -> str:
        content = LARGE + bytes([number + 65])
        try:
            keep(BOB, content=content)
            return "taken"
        except quota.QuotaReached as full:
            return str(full)
        finally:
            connections.close_all()

    before = len(bytes_of(BOB))
    monkeypatch.setattr(storage, "save", meet)
    with ThreadPoolExecutor(2) as pool:
        results = sorted(pool.map(upload, range(2)), key=len)
    assert results[0] == "taken"
    assert "was not stored" in results[1]
    assert len(bytes_of(BOB)) == before + 1
    with acting(BOB):
        assert File.objects.count() == 1


@pytest.mark.django_db(databases=["default", "identity", "owner"])
def test_the_applications_own_role_makes_no_more_room() -> None:
    """L7: injected SQL, with the rows in reach and the operators' function at hand."""
    words = {"session": str(olga().session_id), "workspace": str(ACME.id), "bytes": "9" * 12, "files": None}
    tries = [
        ("UPDATE accounts_workspace SET most_bytes = 999999999999", []),
        ("SELECT fence.limit_workspace(%s)", ["claims:e30=." + "0" * 64]),
        ("SELECT fence.limit_workspace(%s)", [claims.sealed(workspaces.PURPOSE, **words)]),
        ("SELECT fence.limit_workspace(%s)", [claims.sealed(workspaces.QUOTA_PURPOSE, **words | {"session": None})]),
    ]
    with acting(BOB):
        for statement, values in tries:
            with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement, values)
        assert quota.storage().most_bytes == 1_048_576
    assert Workspace.objects.using("owner").get(pk=ACME.id).most_bytes is None
