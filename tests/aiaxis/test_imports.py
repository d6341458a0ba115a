"""Does what was exported come in as it was, for the person who brings it, and nothing at all where anything was changed?"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings as configured
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import ProgrammingError, connection, connections, transaction
from django.test import RequestFactory, override_settings
from pytest_django import Settings

from accounts.models import Membership, Role, User
from accounts.tenancy.context import whole_workspace
from accounts.tenancy.models import new_id
from agents.models import Agent
from aiaxis import jobs
from aiaxis.exports import contents, fingerprints, writing
from aiaxis.imports import checking, lines, package, services
from aiaxis.imports.models import WorkspaceImport
from aiaxis.imports.refusals import SENTENCES
from audit.models import Entry
from conversations.models import Citation, Conversation, DailyUse, Message
from files import uploads
from files.models import File
from files.quota import MEGABYTE
from files.uploads import from_bytes
from tests import doors
from tests.accounts.test_erasing import fenced_tables
from tests.accounts.test_letters import waiting
from tests.aiaxis import parcels
from tests.aiaxis.parcels import QUOTE, SECRET, taken_home, told
from tests.aiaxis.tamperings import resigned, signed_tamperings, tamperings, unpacked
from tests.cast import ADA, ALICE, BIRCH, BOB, CHARLIE, VERA, Person, acting
from tests.factories import AgentFactory

pytestmark = pytest.mark.usefixtures("committed")

PAGE = "/import/"
COPY: dict[str, bytes] = {}
NOT_CONTENT = {"audit_entry", "aiaxis_workspaceimport", "accounts_session"}


@pytest.fixture(autouse=True)
def home(settings: Settings, tmp_path: Path) -> Path:
    settings.AIAXIS_HOME = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {**settings.STORAGES["default"], "OPTIONS": {"location": tmp_path / "storage"}},
    }
    return tmp_path


@pytest.fixture
def copy(home: Path, request: pytest.FixtureRequest) -> bytes:
    """An export as below, whose workspace need not be here: it is made once."""
    if "made" not in COPY:
        COPY["made"] = request.getfixturevalue("exported")
    return COPY["made"]


@pytest.fixture
def exported(home: Path) -> bytes:
    """What Alice takes home of Acme, whose rows are here."""
    return parcels.made()


def bring(content: bytes, fingerprint: str = "") -> WorkspaceImport:
    """Charlie brings it to Birch, and the worker does its part."""
    with acting(CHARLIE) as charlie, from_bytes("workspace.zip", content) as received:
        started = services.begin(actor=charlie, content=received, fingerprint=fingerprint)
        jobs.bring_in(charlie, str(started.pk))
        started.refresh_from_db()
    return started


def read_all() -> None:
    with whole_workspace(BIRCH.id):
        waiting = list(File.objects.filter(status="received").values_list("pk", flat=True))
    with acting(CHARLIE) as charlie:
        for key in waiting:
            jobs.read_imported(charlie, str(key))


def test_what_a_person_sees_is_what_they_saw(exported: bytes) -> None:
    """Exported, brought to another workspace, and exported there again: the same rows, times, branches, rights and bytes."""
    brought = bring(exported)
    assert (brought.status, brought.refusal, brought.stored) == ("done", "", [])
    read_all()
    before, after = told(exported), told(taken_home(CHARLIE))
    # The answer that was being written when the export was made was interrupted by it.
    [unwritten] = [row for row in before["messages"] if row["status"] == "queued"]
    unwritten["status"] = "interrupted"
    before["messages"].sort(key=json.dumps)
    [unread] = [row for row in before["files"] if row["status"] == "received"]
    unread.update(status="ready", pages=1)
    before["files"].sort(key=json.dumps)
    assert after == before
    assert brought.counts["files"] == 2
    assert brought.counts["members"] == 3
    browser = doors.browser(CHARLIE)
    with acting(CHARLIE):
        begun, quote = Conversation.objects.get(), Citation.objects.get()
        assert quote.passage is not None
        assert quote.passage.text[quote.start : quote.end] == QUOTE, "the quote opens at its place again"
        answer = Message.objects.get(pk=quote.message_id)
        assert f"source-{answer.pk.hex}-1" in answer.html
        assert "<script" not in answer.html
        assert not DailyUse.objects.filter(questions__gt=0).exists(), "asked elsewhere, and not used here today"
    assert browser.get(f"/conversations/{begun.pk}/").status_code == 200
    assert "returns.txt" in browser.get("/search/?q=reason").content.decode()
    page = browser.get(PAGE).content.decode()
    assert "Imported" in page
    assert "Acme" in page


def test_whoever_brought_it_is_mailed_what_became_of_it_and_nobody_else(copy: bytes) -> None:
    """What came in, and why nothing did; with no link that opens anything, and not to whoever keeps the workspace no longer."""
    refused, done = bring(copy[:-9]), bring(copy)
    assert (refused.status, done.status) == ("refused", "done")
    told = [json.loads(row["message"]) for _, name, row in waiting() if name == "aiaxis.import_over"]
    assert [one["arguments"]["import_id"] for one in told] == [str(refused.pk), str(done.pk)]
    with acting(CHARLIE) as charlie:
        jobs.tell_of_import(charlie, str(done.pk))
        jobs.tell_of_import(charlie, str(refused.pk))
    with acting(ALICE) as alice:
        jobs.tell_of_import(alice, str(done.pk))
    first, second = mail.outbox
    assert first.to == second.to == [CHARLIE.email]
    assert "is complete" in first.subject
    assert "2 files" in first.body
    assert "Nothing was imported into Birch" in second.subject
    assert SENTENCES["no_zip"] in second.body
    assert first.body.count("http") == 2, "its page, and the installation's address at the foot"


def test_members_come_in_as_names_and_lead_to_nobody(exported: bytes) -> None:
    """L32: Bob's address in an export is a word. His account, his session and his workspace know nothing of Birch."""
    people = User.objects.using("owner").count()
    bring(exported)
    with whole_workspace(BIRCH.id):
        came = {one.display_name: one for one in Membership.objects.using("owner").exclude(pk=CHARLIE.membership_id)}
        users = User.objects.using("owner").filter(pk__in=[one.user_id for one in came.values()])
        assert set(came) == {"Ada (imported)", "Bob (imported)", "Vera (imported)"}
        assert {(one.status, one.role) for one in came.values()} == {("suspended", "member"), ("suspended", "viewer")}
        assert {(one.is_active, one.is_operator) for one in users} == {(False, False)}
        assert all(one.email.endswith("@imported.invalid") for one in [*came.values(), *users])
        assert {one.owner_id for one in Agent.objects.filter(name="Shared desk")} == {came["Bob (imported)"].pk}
    assert User.objects.using("owner").count() == people + 3
    assert doors.browser(BOB).get("/agents/").status_code == 200
    with acting(BOB):
        assert set(Agent.objects.values_list("name", flat=True)) == {"Desk", "Shared desk", SECRET}
    came_in = told(taken_home(CHARLIE))
    assert SECRET not in json.dumps([came_in["files"], came_in["file-tags"]])


def test_the_trail_comes_as_a_file_and_not_as_entries(copy: bytes) -> None:
    with acting(CHARLIE):
        before = set(Entry.objects.values_list("pk", flat=True))
    brought = bring(copy)
    with acting(CHARLIE):
        made = Entry.objects.exclude(pk__in=before).order_by("pk")
        assert list(made.values_list("action", flat=True)) == ["workspace.import_ordered", "workspace.imported"]
    answer: Any = doors.browser(CHARLIE).get(f"{PAGE}{brought.pk}/content/")
    assert b"".join(answer) == zipfile.ZipFile(io.BytesIO(copy)).read(writing.TRAIL)
    assert b"file.uploaded" in zipfile.ZipFile(io.BytesIO(copy)).read(writing.TRAIL)
    with acting(CHARLIE):
        assert Entry.objects.latest("pk").action == "workspace.import_trail_downloaded"
        assert WorkspaceImport.objects.get().storage_key == "", "the export itself is kept nowhere"


def standing() -> tuple[dict[str, int], int, list[str]]:
    """Rows of Birch's content, people of the installation, bytes of Birch in the storage."""
    found = {}
    with connections["owner"].cursor() as cursor:
        for table in set(fenced_tables()) - NOT_CONTENT:
            cursor.execute(f'SELECT count(*) FROM "{table}" WHERE workspace_id = %s', [BIRCH.id])
            found[table] = cursor.fetchone()[0]
        cursor.execute("SELECT count(*) FROM accounts_user")
        people = cursor.fetchone()[0]
    folder = configured.AIAXIS_HOME / "storage"
    kept = [path.name for path in [*(folder / BIRCH.id.hex).glob("*"), *(folder / "incoming").glob("*")]]
    return found, people, kept


def test_whatever_was_changed_is_refused_whole_and_leaves_nothing(copy: bytes) -> None:
    """L27, L28: and each with the reason, on the page and in the trail."""
    before = standing()
    for done, why, content in [*tamperings(copy), *signed_tamperings(copy)]:
        brought = bring(content)
        assert (brought.status, brought.refusal.startswith(SENTENCES[why])) == ("refused", True), (
            done,
            brought.refusal,
        )
        with acting(CHARLIE):
            entry = Entry.objects.filter(action="workspace.import_refused").latest("pk")
        assert entry.detail["why"] == why, done
        assert standing() == before, done
    assert SENTENCES[why] in doors.browser(CHARLIE).get(PAGE).content.decode().replace("&#x27;", "'")
    # The scan would see it: the untouched file comes in.
    assert bring(copy).status == "done"
    assert standing() != before


def test_another_installations_export_comes_in_for_the_fingerprint_that_was_entered(copy: bytes) -> None:
    theirs = b"t" * 32
    key = Ed25519PrivateKey.from_private_bytes(theirs).public_key()
    content = resigned(unpacked(copy), key=theirs)
    assert bring(content, fingerprint="0" * 32).status == "refused"
    typed = fingerprints.typed(fingerprints.shown(fingerprints.of(key)).upper())
    assert bring(content, fingerprint=typed).status == "done"


def test_nothing_in_it_names_a_row_that_is_here(exported: bytes) -> None:
    """L8: keys of the export, which are those of Acme's rows, are in no row of Birch, and Acme's rows are as they were."""
    before = told(taken_home(ALICE))
    bring(exported)
    keys = {UUID(row["id"]) for part in contents.GOES.values()
            for row in map(json.loads, unpacked(exported)[f"data/{part.name}.jsonl"].splitlines())}  # fmt: skip
    with whole_workspace(BIRCH.id):
        for model in (File, Agent, Conversation, Message, Citation):
            assert not set(model.objects.values_list("pk", flat=True)) & keys
    after = told(taken_home(ALICE))
    assert {name: after[name] for name in before} == before


def test_one_that_died_leaves_no_bytes_and_comes_in_the_second_time(
    copy: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = standing()

    def die(*args: object) -> None:
        raise OSError

    with acting(CHARLIE) as charlie:
        with from_bytes("workspace.zip", copy) as received:
            started = services.begin(actor=charlie, content=received, fingerprint="")
        with monkeypatch.context() as broken:
            broken.setattr(services, "_write", die)
            with pytest.raises(OSError, match=r"^$"):
                jobs.bring_in(charlie, str(started.pk))
        # Bytes of two files and the trail lie there, beside the export itself, and are named.
        assert len(standing()[2]) == 4
        jobs.bring_in(charlie, str(started.pk))
        jobs.bring_in(charlie, str(started.pk))
        assert len(standing()[2]) == 3
        started.refresh_from_db()
    assert started.status == "done"
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'aiaxis.read_imported'")
        assert cursor.fetchone() == (2,)
    assert standing()[1] == before[1] + 3


def test_the_last_failure_keeps_nothing(copy: bytes) -> None:
    before = standing()
    with acting(CHARLIE) as charlie:
        with from_bytes("workspace.zip", copy) as received:
            started = services.begin(actor=charlie, content=received, fingerprint="")
        jobs.mark_import_failed(charlie, str(started.pk))
        started.refresh_from_db()
    assert (started.status, started.refusal) == ("failed", services.UNFINISHED)
    assert standing() == before


def test_one_that_was_given_up_with_its_worker_keeps_nobody_out_and_is_told(copy: bytes) -> None:
    with acting(CHARLIE) as charlie, from_bytes("workspace.zip", copy) as received:
        old = services.begin(actor=charlie, content=received, fingerprint="")

    def begin() -> int:
        upload = SimpleUploadedFile("workspace.zip", copy)
        return doors.browser(CHARLIE).post(f"{PAGE}begin/", {"file": upload, "fingerprint": ""}).status_code

    assert begin() == 409
    with connections["owner"].cursor() as cursor:
        age = services.LATEST.total_seconds()
        cursor.execute("UPDATE aiaxis_workspaceimport SET created_at = created_at - make_interval(secs => %s)", [age])
    assert begin() == 302
    with acting(CHARLIE) as charlie:
        old.refresh_from_db()
        assert (old.status, old.refusal, old.storage_key) == ("failed", services.UNFINISHED, "")
        [told] = [json.loads(row["message"])["arguments"] for _, name, row in waiting() if name == "aiaxis.import_over"]
        jobs.tell_of_import(charlie, told["import_id"])
    [letter] = mail.outbox
    assert (letter.to, services.UNFINISHED in letter.body) == ([CHARLIE.email], True)


def test_only_an_owner_brings_one_in_to_an_empty_workspace_one_at_a_time() -> None:
    def send(person: Any, content: bytes = b"PK") -> Any:
        upload = SimpleUploadedFile("workspace.zip", content)
        return doors.browser(person).post(f"{PAGE}begin/", {"file": upload, "fingerprint": ""})

    for person in (ADA, BOB, VERA):
        assert send(person).status_code == 403
        assert doors.browser(person).get(PAGE).status_code == 403
    with acting(ALICE):
        AgentFactory()
    full = send(ALICE)
    assert (full.status_code, "An import fills an empty one" in full.content.decode()) == (409, True)
    assert send(CHARLIE).status_code == 302
    second = send(CHARLIE)
    assert (second.status_code, "brought in already" in second.content.decode()) == (409, True)
    wrong = doors.browser(CHARLIE).post(
        f"{PAGE}begin/", {"file": SimpleUploadedFile("a.zip", b"PK"), "fingerprint": "x"}
    )
    assert wrong.status_code == 422
    with acting(CHARLIE):
        started = WorkspaceImport.objects.get()
    for person, status in ((ADA, 403), (BOB, 403), (ALICE, 404)):
        for address in (f"{PAGE}{started.pk}/", f"{PAGE}{started.pk}/content/"):
            assert doors.browser(person).get(address).status_code == status


def test_whoever_is_no_owner_any_more_brings_nothing_in(copy: bytes) -> None:
    before = standing()
    with acting(CHARLIE) as charlie, from_bytes("workspace.zip", copy) as received:
        started = services.begin(actor=charlie, content=received, fingerprint="")
        lowered = type(charlie)(**{**{name: getattr(charlie, name) for name in charlie.__slots__}, "role": Role.ADMIN})
        jobs.bring_in(lowered, str(started.pk))
        started.refresh_from_db()
    assert (started.status, started.refusal) == ("refused", SENTENCES["role"])
    assert standing() == before


def test_what_has_no_room_or_meets_somebodys_work_is_refused(copy: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    before = standing()
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE accounts_workspace SET most_files = 1 WHERE id = %s", [BIRCH.id])
    assert bring(copy).refusal == SENTENCES["no_room"]
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE accounts_workspace SET most_files = NULL, most_bytes = 10 WHERE id = %s", [BIRCH.id])
    assert bring(copy).refusal == SENTENCES["too_large"]
    assert standing() == before
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE accounts_workspace SET most_bytes = NULL WHERE id = %s", [BIRCH.id])
    checked = checking.checked

    def meanwhile(*args: Any) -> Any:
        Agent(owner_id=CHARLIE.membership_id, name="Begun meanwhile", slug="begun").save()
        return checked(*args)

    monkeypatch.setattr(checking, "checked", meanwhile)
    assert bring(copy).refusal == SENTENCES["not_empty"]


def test_no_member_makes_people_in_raw_sql() -> None:
    """L7: the one function that writes persons believes the whole workspace's seal only, and an owner of it."""
    people = json.dumps([{"member": str(new_id()), "user": str(new_id()), "name": "Eve", "role": "owner", "status": "active",
                          "since": "2026-01-01T00:00:00Z"}])  # fmt: skip
    made = "SELECT fence.bring_in_people(%s, %s::jsonb)"
    with acting(CHARLIE), pytest.raises(ProgrammingError, match="whole workspace"), transaction.atomic():
        connection.cursor().execute(made, [CHARLIE.membership_id, people])
    for importer in (BOB.membership_id, ALICE.membership_id):
        with whole_workspace(BIRCH.id), pytest.raises(ProgrammingError, match="an owner"), transaction.atomic():
            connection.cursor().execute(made, [importer, people])


def test_every_part_of_an_export_can_come_in() -> None:
    """A table that goes tomorrow comes in as well: each of its columns is of a kind that is checked."""
    for label, part in contents.GOES.items():
        for name, field in lines.fields_of(label).items():
            assert any(isinstance(field, kind) for kind, _ in lines.KINDS), (label, name)
        assert package._NAME.fullmatch(f"data/{part.name}.jsonl")


def test_only_who_may_import_sends_more_than_a_document() -> None:
    """L52: whoever is refused at the address fills no disk before the refusal; and what has no room here is not read to its end."""

    def most(person: Person | None, path: str = f"{PAGE}begin/") -> int:
        request = RequestFactory().post(path)
        if person is not None:
            request.tenant = person.tenant  # type: ignore[attr-defined]  # as the middleware attaches it
        return uploads.CappedUploadHandler(request)._most[0]

    assert most(ALICE) == configured.QUOTA_MEGABYTES * MEGABYTE > uploads.LARGEST_BYTES
    assert {most(one) for one in (ADA, BOB, VERA, None)} == {most(ALICE, "/files/upload/")} == {uploads.LARGEST_BYTES}
    with override_settings(QUOTA_MEGABYTES=1):
        big = SimpleUploadedFile("a.zip", b"0" * (MEGABYTE + 1))
        answer = doors.browser(CHARLIE).post(f"{PAGE}begin/", {"file": big, "fingerprint": ""})
    assert (answer.status_code, "larger than what a workspace may keep" in answer.content.decode()) == (413, True)
