"""Does a workspace whose day has come leave nothing but its trail, and does it take nothing of anybody else with it?"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.core.files.base import ContentFile
from django.db import connections, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import jobs
from accounts.identity.base import Proof
from accounts.identity.store.models import Account, StoreKey, StoreSession
from accounts.models import Domain, Membership, Role, User, Workspace
from accounts.repeats.models import Repeat
from accounts.services import erasing, invitations, workspaces
from accounts.signals import workspace_erased, workspace_erasing
from accounts.tenancy.context import whole_workspace
from accounts.tenancy.models import new_id
from agents.models import AgentShare
from audit import spool
from audit.exports.models import ExportPart
from audit.notices import services as notices
from audit.retention.models import RetentionChoice
from audit.services import Unrecorded
from conversations.keeping import services as keeping
from conversations.models import Completion, ConversationShare, Delta, Feedback
from files import storage
from files.models import EMBEDDING_DIMENSIONS, Embedding, FileTag
from tests import doors
from tests.accounts.glass import stage as glass
from tests.accounts.operating import olga
from tests.authenticators import Authenticator
from tests.cast import ACME, ADA, ALICE, BIRCH, BOB, CHARLIE, PASSWORD, VERA, Company, Person, acting
from tests.factories import ConversationFactory, Desk, a_full_desk, a_trial
from tests.outages import out_of_reach
from tests.vendors.stage import leave_use
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.usefixtures("committed")

# Kept on purpose, as long as its retention says; and what only names entries of it.
TRAIL = ("audit_entry", "audit_seal", "audit_unsealed", "audit_unheard")


@pytest.fixture(autouse=True)
def home(settings: Settings, tmp_path: Path) -> Path:
    settings.AIAXIS_HOME = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {**settings.STORAGES["default"], "OPTIONS": {"location": tmp_path / "storage"}},
    }
    return tmp_path


def furnish(person: Person) -> Desk:
    """One of everything, a second factor, bytes behind the file and behind no row, a job and a message that wait."""
    desk = a_full_desk(person, "workspace")
    Authenticator.of(person)
    with acting(person):
        storage.save(desk.rows["file_id"].storage_key, ContentFile(b"Refunds take ten days..."))
        storage.save(storage.new_key(), ContentFile(b"Left by a killed process."))
        notices.test(actor=person.tenant, channel=desk.rows["channel_id"].pk)
        Repeat.objects.create(owner_id=person.membership_id, submission="k" * 64, fingerprint="f" * 64)
        RetentionChoice.objects.using("owner").create(retention="d90", since=new_id(), chosen_at=timezone.now())
        Domain.objects.using("owner").create(name=f"{person.name.lower()}.example")
        keeping.choose(actor=person.tenant, conversations=90, files=90)
        write_everywhere(desk)
    leave_use(person, desk.rows["provider_id"].pk)
    return desk


def write_everywhere(desk: Desk) -> None:
    """A word that nobody else writes, wherever people's words are kept, and a row where the desk has none."""
    rows, word = desk.rows, canary(desk.person)
    # Tags are made and taken away, and never changed.
    FileTag.objects.create(file=rows["file_id"], name=word, key=word)
    for name, field in (
        ("file_id", "name"),
        ("agent_id", "name"),
        ("passage_id", "text"),
        ("message_id", "text"),
        ("call_id", "result"),
    ):
        setattr(rows[name], field, word)
        rows[name].save(update_fields=[field])
    Delta.objects.create(message=rows["message_id"], seq=0, kind="text", data={"text": word})
    Embedding.objects.create(passage=rows["passage_id"], file=rows["file_id"], vector=[0.1] * EMBEDDING_DIMENSIONS)
    if desk.person.company is ACME:
        # Birch has nobody with whom Charlie could share.
        AgentShare.objects.create(
            agent=rows["agent_id"], owner_id=desk.person.membership_id, member_id=BOB.membership_id
        )
        ConversationShare.objects.create(
            conversation=rows["conversation_id"], owner_id=desk.person.membership_id, member_id=BOB.membership_id
        )
    Feedback.objects.create(
        owner_id=desk.person.membership_id,
        message=rows["message_id"],
        agent=rows["agent_id"],
        is_helpful=False,
        comment=word,
    )
    soon = timezone.now() + timedelta(hours=1)
    Completion.objects.create(conversation=ConversationFactory(erased_after=soon), instructions=word)
    a_trial(rows["agent_id"], rows["file_id"], instructions=word)
    ExportPart.objects.create(export=rows["export_id"], position=0, content=word.encode())
    storage.save(storage.new_key(), ContentFile(word.encode()))


def canary(person: Person) -> str:
    """What stands in this person's rows and files, and nowhere else."""
    return f"canary-of-{person.name}-7f3a"


def holding(home: Path, word: str) -> list[str]:
    """Every file below the home that holds the word."""
    return [str(path) for path in home.rglob("*") if path.is_file() and word.encode() in path.read_bytes()]


def due(company: Company) -> None:
    """Close the workspace, and let its thirty days be over."""
    workspaces.close(olga(), workspace_id=company.id, reason="The contract ended.")
    Workspace.objects.using("owner").filter(pk=company.id).update(erase_after=timezone.now() - timedelta(seconds=1))


def fenced_tables() -> list[str]:
    """Every table with a workspace's column, as the catalogue knows them: a model that was forgotten is here all the same."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id' "
            "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        )
        return sorted(name for (name,) in cursor.fetchall())


def counted(company: Company) -> dict[str, int]:
    """How many rows of each fenced table are the workspace's."""
    found = {}
    with connections["owner"].cursor() as cursor:
        for table in fenced_tables():
            cursor.execute(f'SELECT count(*) FROM "{table}" WHERE workspace_id = %s', [company.id])
            found[table] = cursor.fetchone()[0]
    return found


def naming(*words: str) -> dict[str, int]:
    """Every table of both databases but the trail's, in which some row holds one of the words; how many rows."""
    found = {}
    for alias in ("owner", "identity"):
        with connections[alias].cursor() as cursor:
            cursor.execute(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') "
                "AND NOT relispartition"
            )
            for (table,) in cursor.fetchall():
                if table not in TRAIL:
                    cursor.execute(
                        f'SELECT count(*) FROM "{table}" t WHERE t::text ILIKE ANY(%s)',
                        [[f"%{word}%" for word in words]],
                    )
                    found[table] = cursor.fetchone()[0]
    return {table: rows for table, rows in found.items() if rows}


def stored(home: Path, company: Company) -> list[str]:
    return sorted(path.name for path in (home / "storage" / company.id.hex).glob("*"))


def marks_of(*desks: Desk) -> list[str]:
    """The words by which rows of these people and of their workspace are found."""
    found = [ACME.id.hex, str(ACME.id)]
    for person in (ALICE, ADA, BOB, VERA):
        found += [str(person.user_id), str(person.membership_id), person.subject, person.email]
    return [*found, *(one for desk in desks for name, one in desk.ids.items() if name != "slug")]


def test_nothing_of_it_is_left_and_nothing_of_the_other_is_missing(home: Path) -> None:
    """P9: every fenced table, every other table of both databases, and the storage, scanned; Birch has a twin of each row."""
    desk, twin = furnish(ALICE), furnish(CHARLIE)
    for person in (ADA, BOB, VERA):
        a_full_desk(person)
    for company in (ACME, BIRCH):
        browser = glass.console()
        glass.close(glass.operator_in(browser), visit_id=glass.asked(browser, company.id).pk)
    before, others, files = counted(ACME), counted(BIRCH), stored(home, BIRCH)
    empty = {table for table, rows in before.items() if not rows}
    # A table that is made tomorrow has to be furnished as well: where there is nothing to leave, nothing is proven.
    assert empty == set()
    assert len(stored(home, ACME)) == 3
    marks = [*marks_of(desk), canary(ALICE)]
    assert holding(home, canary(ALICE))
    assert {"conversations_delta", "files_passage", "files_filetag", "agents_agent"} <= set(naming(canary(ALICE)))
    assert set(naming(*marks)) >= {
        "accounts_user",
        "audit_message",
        "files_file",
        "identity_store_account",
        "identity_store_storekey",
        "procrastinate_jobs",
    }
    due(ACME)
    assert erasing.erase_due() == 1
    after = counted(ACME)
    assert {table: rows for table, rows in after.items() if rows and table not in TRAIL} == {}
    # The table of the cache is among them, and what files on the disk hold is asked as well.
    assert naming(*marks) == {}
    assert holding(home, canary(ALICE)) == []
    assert holding(home, canary(CHARLIE))
    assert not (home / "storage" / ACME.id.hex).exists()
    assert {table: rows for table, rows in counted(BIRCH).items() if table not in TRAIL} == {
        table: rows for table, rows in others.items() if table not in TRAIL
    }
    assert stored(home, BIRCH) == files
    assert doors.browser(CHARLIE).get(f"/files/{twin.ids['file_id']}/").status_code == 200


def test_its_trail_stays_and_says_that_it_was_erased(home: Path) -> None:
    furnish(ALICE)
    before = counted(ACME)["audit_entry"]
    assert before
    due(ACME)
    erasing.erase_due()
    assert counted(ACME)["audit_entry"] >= before
    lines = [json.loads(line) for path in spool.segments(home / "spool") for line in path.read_bytes().splitlines()]
    told = [(one["action"], one["workspace_id"]) for one in lines if one["action"].startswith("workspace.")]
    assert told == [("workspace.closing", str(ACME.id)), ("workspace.erased", str(ACME.id))]


def test_it_is_closed_at_once_for_browsers_keys_and_jobs() -> None:
    desk, browser, program = furnish(ALICE), doors.browser(ALICE), doors.program(ALICE)
    assert browser.get("/files/").status_code == 200
    workspaces.close(olga(), workspace_id=ACME.id, reason="The contract ended.")
    assert browser.get("/files/").status_code == 302
    assert program.get("/api/v1/files").status_code == 401
    message = jobs.sealed("files.read", ACME.id, ALICE.membership_id, {"file_id": desk.ids["file_id"]})
    with pytest.raises(jobs.JobRefused, match="member"):
        jobs.run(1, "files.read", dict(message), 0)
    assert doors.browser(CHARLIE).get("/files/").status_code == 200


def test_it_can_be_taken_back_until_the_day_and_not_after(home: Path) -> None:
    desk, browser = furnish(ALICE), doors.browser(ALICE)
    workspaces.close(olga(), workspace_id=ACME.id, reason="A mistake.")
    assert erasing.erase_due() == 0
    workspaces.reopen(olga(), workspace_id=ACME.id)
    assert browser.get(f"/files/{desk.ids['file_id']}/").status_code == 200
    due(ACME)
    with pytest.raises(workspaces.CameTooLate):
        workspaces.reopen(olga(), workspace_id=ACME.id)
    assert erasing.erase_due() == 1


def test_who_belongs_elsewhere_too_stays_there_and_signs_in(home: Path) -> None:
    with acting(CHARLIE):
        made = invitations.send(actor=CHARLIE.tenant, email=BOB.email, role=Role.MEMBER)
        token = invitations.token_of(made)
    invitations.accept(token, proof=Proof(doors.identity_of(BOB)), name="Bob")
    doors.key(BOB)
    due(ACME)
    erasing.erase_due()
    assert not StoreSession.objects.filter(account_id=BOB.subject, purpose="session").exists(), "of the erased one"
    assert not StoreKey.objects.filter(account_id=BOB.subject).exists()
    assert User.objects.using("owner").filter(pk=BOB.user_id).exists()
    assert not User.objects.using("owner").filter(pk=ALICE.user_id).exists()
    assert [str(one) for one in Account.objects.filter(pk__in=[ALICE.subject, BOB.subject])] == [BOB.subject]
    with whole_workspace(BIRCH.id):
        assert Membership.objects.using("owner").filter(user_id=BOB.user_id).count() == 1
    assert Client().post("/sign-in/", {"email": BOB.email, "password": PASSWORD}).status_code == 302


BLOCKED = "SELECT count(*) FROM pg_locks l WHERE NOT l.granted AND pg_backend_pid() = ANY(pg_blocking_pids(l.pid))"


def somebody_waits() -> bool:
    """Does somebody wait for what the owner's connection of this thread holds?"""
    with connections["owner"].cursor() as cursor:
        cursor.execute(BLOCKED)
        return bool(cursor.fetchone()[0])


def test_who_joins_elsewhere_at_the_very_moment_keeps_their_account(home: Path) -> None:
    """They become a member there while it is being asked who belongs here alone, which one of the others holds up."""
    due(ACME)
    with connections["owner"].cursor() as cursor:
        cursor.execute(erasing._ONLY_HERE.removesuffix(" FOR UPDATE OF u"), [ACME.id, ACME.id])
        first, *_, last = [user_id for (user_id,) in cursor.fetchall()]
    joins = next(person for person in (ALICE, ADA, BOB, VERA) if person.user_id == last)
    with acting(CHARLIE):
        token = invitations.token_of(invitations.send(actor=CHARLIE.tenant, email=joins.email, role=Role.MEMBER))
    erased: list[bool] = []

    def erases() -> None:
        try:
            erased.append(erasing.erase(ACME.id))
        finally:
            for connection in connections.all(initialized_only=True):
                connection.close()

    thread = threading.Thread(target=erases)
    with transaction.atomic(using="owner"):
        User.objects.using("owner").select_for_update().get(pk=first)
        thread.start()
        assert until(somebody_waits)
        invitations.accept(token, proof=doors.proof_of(joins), name=joins.name)
    thread.join(PATIENCE)
    assert erased == [True]
    assert Client().post("/sign-in/", {"email": joins.email, "password": PASSWORD}).status_code == 302
    assert [
        str(one) for one in Account.objects.filter(pk__in=[ALICE.subject, ADA.subject, BOB.subject, VERA.subject])
    ] == [joins.subject]


class Interrupted(Exception):
    """What a killed worker looks like from inside."""


@pytest.fixture
def interrupting() -> Iterator[list[UUID]]:
    """Whoever erases is interrupted, once each, before the rows go and after."""
    seen: list[UUID] = []

    def once(workspace_id: UUID, **facts: object) -> None:
        seen.append(workspace_id)
        if len(seen) < 3:
            raise Interrupted

    workspace_erasing.connect(once, weak=False)
    workspace_erased.connect(once, weak=False)
    yield seen
    workspace_erasing.disconnect(once)
    workspace_erased.disconnect(once)


def test_an_interrupted_erasing_is_taken_up_and_called_off_no_more(home: Path, interrupting: list[UUID]) -> None:
    furnish(ALICE)
    due(ACME)
    assert erasing.erase_due() == 0, "interrupted before the rows"
    with pytest.raises(workspaces.CameTooLate):
        workspaces.reopen(olga(), workspace_id=ACME.id)
    while not erasing.erase_due():
        assert len(interrupting) < 6
    assert {table: rows for table, rows in counted(ACME).items() if rows and table not in TRAIL} == {}


def test_what_cannot_be_recorded_is_not_erased(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    furnish(ALICE)
    due(ACME)
    (tmp_path / "in-the-way").write_text("")
    settings.AIAXIS_HOME = tmp_path / "in-the-way"
    out_of_reach("audit", monkeypatch)
    with pytest.raises(Unrecorded):
        erasing.erase(ACME.id)
    assert counted(ACME)["accounts_membership"] == 4
