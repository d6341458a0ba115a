"""Does an owner take home what the owner may read, whole and signed, and nothing of what colleagues keep private?"""

from __future__ import annotations

import base64
import io
import json
import zipfile
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.apps import apps
from django.conf import settings as configured
from django.core import mail
from django.core.files.base import ContentFile
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Role
from accounts.tenancy.models import WorkspaceModel
from agents.models import Agent
from aiaxis import jobs
from aiaxis.exports import contents, services, writing
from aiaxis.exports.models import WorkspaceExport
from aiaxis.imports import lines
from audit.models import Entry
from files import jobs as file_jobs
from files import objects, storage
from files.models import FileTag
from tests import doors
from tests.cast import ACME, ADA, ALICE, BIRCH, BOB, CHARLIE, VERA, Person, acting
from tests.factories import AgentFactory, ConversationFactory, Desk, MessageFactory, ToolCallFactory, a_full_desk
from tests.files import bucket, outages

pytestmark = pytest.mark.usefixtures("committed")

PAGE, BEGIN = "/export/", "/export/begin/"


@pytest.fixture(autouse=True)
def home(settings: Settings, tmp_path: Path) -> Path:
    settings.AIAXIS_HOME = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {**settings.STORAGES["default"], "OPTIONS": {"location": tmp_path / "storage"}},
    }
    return tmp_path


def furnish(person: Person, visibility: str) -> Desk:
    """One of everything, with a word of the person's in each text and in the file's bytes."""
    desk = a_full_desk(person, visibility)
    word = secret(person, visibility)
    with acting(person):
        storage.save(desk.rows["file_id"].storage_key, ContentFile(word.encode()))
        FileTag.objects.create(file=desk.rows["file_id"], name=word, key=word)
        fields = (
            ("file_id", "name"),
            ("agent_id", "instructions"),
            ("conversation_id", "title"),
            ("message_id", "text"),
        )
        for name, field in fields:
            setattr(desk.rows[name], field, word)
            desk.rows[name].save(update_fields=[field])
        # What stands on the desk for the walks would count as one that is under way.
        WorkspaceExport.objects.all().delete()
    return desk


def secret(person: Person, visibility: str) -> str:
    return f"word-of-{person.name}-{visibility}"


def written(person: Person = ALICE) -> zipfile.ZipFile:
    """Ordered, written as the worker does it, and fetched by the page."""
    with acting(person) as actor:
        export = services.begin(actor=actor)
        jobs.export(actor, str(export.pk))
    answer: Any = doors.browser(person).get(f"{PAGE}{export.pk}/content/")
    assert answer.status_code == 200
    return zipfile.ZipFile(io.BytesIO(b"".join(answer)))


def rows(file: zipfile.ZipFile, part: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read(part).splitlines()]


def everything(file: zipfile.ZipFile) -> str:
    return "\n".join(file.read(name).decode() for name in file.namelist())


def test_every_table_and_column_goes_or_stays_for_a_reason() -> None:
    """What is made tomorrow is in no list, and red here until somebody decides."""
    models = {model._meta.label: model for model in apps.get_models() if issubclass(model, WorkspaceModel)}
    assert set(contents.GOES) | set(contents.STAYS) == set(models)
    assert set(contents.GOES) & set(contents.STAYS) == set()
    for label, part in contents.GOES.items():
        columns = [field.attname for field in models[label]._meta.concrete_fields]
        assert sorted([*part.columns, *part.left_out]) == sorted(columns), label
    assert all([*contents.STAYS.values(), *(why for part in contents.GOES.values() for why in part.left_out.values())])


def test_what_hangs_on_a_conversation_goes_with_it_or_not_at_all() -> None:
    """A table that is made tomorrow, too: of a temporary conversation it would take home what a tool answered in it."""
    talks = {"conversations.Conversation", "conversations.Message"}
    hanging = {
        label
        for label in contents.GOES
        if label in talks or talks & {target for target, _ in lines.links(label).values()}
    }
    assert len(hanging) >= 7
    assert hanging == {label for label, part in contents.GOES.items() if part.conversation is not None}


def test_it_holds_what_the_owner_may_read_and_no_word_that_colleagues_keep_private() -> None:
    """P5, L4, L6: with rows of a colleague, private and shared, and a stranger's twin of every one."""
    own, shared = furnish(ALICE, "private"), furnish(BOB, "workspace")
    hidden, theirs = furnish(BOB, "private"), furnish(CHARLIE, "workspace")
    with acting(ALICE):
        soon = timezone.now() + timedelta(hours=1)
        passing = MessageFactory(conversation=ConversationFactory(agent=own.rows["agent_id"], erased_after=soon))
        ToolCallFactory(message=passing, result="word-of-a-tool-in-passing")
    file = written()
    text = everything(file)
    for word in (secret(ALICE, "private"), secret(BOB, "workspace")):
        assert word in text
    assert secret(BOB, "private") not in text
    assert secret(CHARLIE, "workspace") not in text
    assert "word-of-a-tool-in-passing" not in text
    assert [one["id"] for one in rows(file, "data/tool-calls.jsonl")] == [own.ids["call_id"]]
    for desk in (hidden, theirs):
        for part in ("file", "agent", "conversation", "message"):
            assert desk.ids[f"{part}_id"] not in {one["id"] for one in rows(file, f"data/{part}s.jsonl")}
        assert f"files/{desk.ids['file_id']}" not in file.namelist()
    assert file.read(f"files/{own.ids['file_id']}").decode() == secret(ALICE, "private")
    assert [one["text"] for one in rows(file, "data/messages.jsonl")] == [secret(ALICE, "private")], (
        "a conversation is its owner's"
    )
    assert [one["id"] for one in rows(file, "data/conversations.jsonl")] == [own.ids["conversation_id"]], (
        "shared or not, and none that is temporary"
    )
    assert {one["id"] for one in rows(file, "data/agents.jsonl")} == {own.ids["agent_id"], shared.ids["agent_id"]}
    assert {one["display_name"] for one in rows(file, "data/members.jsonl")} == {"Alice", "Ada", "Bob", "Vera"}
    assert "workspace.exported" in {one["action"] for one in rows(file, "trail.jsonl")}


def test_times_go_as_they_are_to_the_microsecond() -> None:
    """Cut to milliseconds, what came second could come first in the workspace that it is brought to."""
    with acting(ALICE):
        round_one = AgentFactory()
        Agent.objects.filter(pk=round_one.pk).update(created_at=round_one.created_at.replace(microsecond=0))
        AgentFactory.create_batch(3)
        made = dict(Agent.objects.values_list("pk", "created_at"))
    told = {UUID(row["id"]): row["created_at"] for row in rows(written(), "data/agents.jsonl")}
    assert {key: datetime.fromisoformat(text) for key, text in told.items()} == made
    assert {len(text) for text in told.values()} == {len("2026-01-01T00:00:00.000000+00:00")}


def test_each_part_is_named_with_its_hash_and_the_list_is_signed() -> None:
    furnish(ALICE, "workspace")
    file = written()
    manifest = file.read(writing.MANIFEST)
    key = Ed25519PrivateKey.from_private_bytes(configured.SEAL_KEY).public_key()
    key.verify(base64.b64decode(file.read(writing.SIGNATURE)), writing.SIGNED + manifest)
    parts = {one["name"]: one for one in json.loads(manifest)["parts"]}
    assert set(parts) == set(file.namelist()) - {writing.MANIFEST, writing.SIGNATURE}
    for name, one in parts.items():
        assert (sha256(file.read(name)).hexdigest(), len(file.read(name))) == (one["sha256"], one["bytes"])


def test_no_credential_and_no_vendors_key_is_in_it() -> None:
    """L44."""
    desk = furnish(ALICE, "workspace")
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT encode(key_hash, 'hex') FROM accounts_apikey UNION ALL SELECT sealed FROM agents_modelprovider"
        )
        secrets = [value for (value,) in cursor.fetchall()]
    assert len(secrets) >= 2
    text = everything(written())
    assert not [one for one in [*secrets, desk.rows["file_id"].storage_key] if one in text]


def test_only_the_owner_who_ordered_it_fetches_it_with_a_recent_sign_in() -> None:
    furnish(ALICE, "workspace")
    with acting(ALICE) as alice:
        export = services.begin(actor=alice)
        jobs.export(alice, str(export.pk))
    address = f"{PAGE}{export.pk}/content/"
    for person, status in ((ADA, 403), (BOB, 403), (VERA, 403), (CHARLIE, 404)):
        assert doors.browser(person).get(address).status_code == status
        assert doors.browser(person).get(f"{PAGE}{export.pk}/").status_code == status
    assert doors.browser(ADA).post(BEGIN).status_code == 403
    browser = doors.browser(ALICE)
    assert "Ready" in browser.get(PAGE).content.decode()
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE accounts_session SET signed_in_at = now() - interval '1 hour'")
    for method, path in (("GET", address), ("POST", BEGIN)):
        assert browser.generic(method, path).headers["Location"].startswith("/sign-in/again/")


def test_ordering_and_fetching_are_on_record_and_a_mail_says_when_it_is_ready() -> None:
    written()
    with acting(ALICE) as alice:
        told = list(
            Entry.objects.filter(action__startswith="workspace.export").order_by("id").values_list("action", "actor_id")
        )
        assert told == [
            ("workspace.exported", ALICE.membership_id),
            ("workspace.export_downloaded", ALICE.membership_id),
        ]
        jobs.tell(alice, str(WorkspaceExport.objects.get().pk))
    assert (mail.outbox[-1].to, "/export/" in str(mail.outbox[-1].body)) == ([ALICE.email], True)


def test_whoever_is_no_owner_any_more_gets_nothing_and_a_second_order_waits() -> None:
    with acting(ALICE) as alice:
        export = services.begin(actor=alice)
        with pytest.raises(services.StillWriting):
            services.begin(actor=alice)
        lowered = type(alice)(**{**{name: getattr(alice, name) for name in alice.__slots__}, "role": Role.ADMIN})
        assert not services.write(actor=lowered, export_id=export.pk)
        assert WorkspaceExport.objects.get().status == "failed"
        assert not storage.exists(f"{ACME.id.hex}/{export.pk.hex}")


def test_one_whose_job_was_given_up_is_told_so_and_another_can_be_ordered() -> None:
    """Suspended with its workspace, an owner came back to a page that waited, without a button, until its week was over."""
    with acting(ALICE) as alice:
        services.begin(actor=alice)
        WorkspaceExport.objects.update(created_at=timezone.now() - timedelta(hours=25))
    page = doors.browser(ALICE).get(PAGE).content.decode()
    assert "Write an export" in page
    assert "Order it again." in page
    with acting(ALICE) as alice:
        # Should its job come all the same, as after a day without its bucket, it is written.
        assert services.write(actor=alice, export_id=WorkspaceExport.objects.get().pk)


def test_one_that_died_half_way_is_written_again_and_each_goes_after_its_week(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    furnish(ALICE, "workspace")

    def die(*args: object, **facts: object) -> None:
        raise OSError

    with acting(ALICE) as alice:
        export = services.begin(actor=alice)
        with monkeypatch.context() as broken:
            broken.setattr(writing, "_write_bytes", die)
            with pytest.raises(OSError, match=r"^$"):
                services.write(actor=alice, export_id=export.pk)
        assert services.write(actor=alice, export_id=export.pk)
        assert not services.write(actor=alice, export_id=export.pk), "once"
        key = WorkspaceExport.objects.get().storage_key
    assert services.let_go_over() == 0
    _a_week_later()
    assert services.let_go_over() == 1
    with acting(ALICE):
        assert not storage.exists(key)
        assert not WorkspaceExport.objects.exists()
    assert list((home / "storage" / "incoming").iterdir()) == []


def test_while_the_bucket_is_away_an_export_waits_and_one_that_is_over_stays_known(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that went before its bytes left them behind, named by nothing; and an outage of a minute was a failed export."""
    monkeypatch.setattr(objects, "TRIES", 1)
    with bucket.running() as server:
        bucket.client(server.address).create_bucket(Bucket=bucket.BUCKET)
        settings.STORAGES = bucket.configured(server.address)
        with acting(ALICE) as alice:
            export = services.begin(actor=alice)
            with outages.store_away(server):
                jobs.export(alice, export_id=str(export.pk))
                assert WorkspaceExport.objects.get().is_moving
            jobs.export(alice, export_id=str(export.pk))
            key = WorkspaceExport.objects.get(status="ready").storage_key
        with outages.store_away(server):
            content = doors.browser(ALICE).get(f"/export/{export.pk}/content/")
            assert (content.status_code, b"Try again" in content.content) == (503, True)
            _a_week_later()
            with pytest.raises(storage.StorageUnavailable):
                services.let_go_over()
            with acting(ALICE) as alice:
                # Another is ordered: the earlier one goes, and a job removes its bytes.
                services.begin(actor=alice)
        with acting(ALICE) as alice:
            assert storage.exists(key)
            file_jobs.forget_bytes(alice, key=key)
            assert not storage.exists(key)


def test_an_export_whose_bytes_are_refused_keeps_no_other_workspaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that one workspace's export cannot lose (a store may lock them) would have kept everybody's for ever."""
    for person in (ALICE, CHARLIE):
        with acting(person) as actor:
            services.begin(actor=actor)
    first = min(ACME.id, BIRCH.id, key=str)

    def refuse(key: str) -> None:
        if key.startswith(first.hex):
            raise storage.StorageUnavailable(storage.OUT_OF_REACH)

    monkeypatch.setattr(storage, "delete", refuse)
    _a_week_later()
    with pytest.raises(storage.StorageUnavailable):
        services.let_go_over()
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT workspace_id FROM aiaxis_workspaceexport")
        assert cursor.fetchall() == [(first,)]


def _a_week_later() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE aiaxis_workspaceexport SET created_at = %s", [timezone.now() - timedelta(days=8)])


def test_a_file_without_its_bytes_is_named_as_missing() -> None:
    with acting(ALICE):
        desk = a_full_desk(ALICE)
        WorkspaceExport.objects.all().delete()
    manifest = json.loads(written().read(writing.MANIFEST))
    assert [UUID(one) for one in manifest["missing_files"]] == [desk.rows["file_id"].pk]
