"""Is everything heard that the apps tell, and is each fact one entry in its own transaction?"""

import importlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections, transaction
from django.dispatch import Signal

from agents import services as agent_services
from agents import signals as agents
from audit import entries, queries, receivers, rules
from audit.models import Entry
from audit.queries import Chosen
from files import services as files
from tests import cast
from tests.factories import FileFactory

APPS = ("accounts", "agents", "conversations", "files")
# Not facts: nothing has changed, and a letter says so, or a job goes on. What let an answer go on is told by `call_decided`.
TOLD_ONLY = {"accounts.api_key_ending", "files.bytes_left", "conversations.answer_resumed"}


def signals() -> Iterator[tuple[str, Signal]]:
    """Every signal of every app, named as a person would."""
    for app in APPS:
        if importlib.util.find_spec(f"{app}.signals") is None:
            continue
        module = importlib.import_module(f"{app}.signals")
        found = {f"{app}.{name}": value for name, value in vars(module).items() if isinstance(value, Signal)}
        yield from ((name, value) for name, value in found.items() if name not in TOLD_ONLY)


@pytest.mark.parametrize(("name", "signal"), list(signals()), ids=lambda value: value if isinstance(value, str) else "")
def test_somebody_in_the_audit_hears_each_signal(name: str, signal: Signal) -> None:
    """L37: a fact that nobody records is a gap that nobody sees."""
    heard = [reference() for _, reference, *_ in signal.receivers]
    assert [function for function in heard if getattr(function, "__module__", "").startswith(receivers.__name__)], name


def test_every_receiver_records_a_listed_action() -> None:
    folder = Path(receivers.__file__).parent
    source = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    named = {word for word in source.split('"') if "." in word and word.replace(".", "").replace("_", "").isalpha()}
    assert named
    assert named <= set(rules.ACTIONS)


@pytest.mark.django_db(databases=["default"])
def test_an_agent_that_reads_a_file_is_recorded_by_the_retrieval() -> None:
    """L36: the record does not depend on what the answer says; it stands before anything is written."""
    with cast.acting(cast.ADA), transaction.atomic():
        file = Entry(id=uuid.uuid4())  # Any row will do: the entry copies its kind and its id.
        agents.file_read.send(sender=object, actor=cast.ADA.tenant, target=file, agent_id=uuid.uuid4(), passages=3)
        row = Entry.objects.get()
        assert (row.action, row.target_id, row.detail["passages"]) == ("file.read", str(file.id), 3)
        assert row.actor_name == "Ada"
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM audit_entry")
            assert cursor.fetchone() == (1,)


@pytest.mark.django_db(databases=["default"])
def test_a_fact_names_each_of_many() -> None:
    """An agent may have two hundred files; which it got must not end with the twenty-fourth."""
    attached, detached = ([str(uuid.uuid4()) for _ in range(number)] for number in (60, 3))
    with cast.acting(cast.ADA), transaction.atomic():
        told = {"actor": cast.ADA.tenant, "target": Entry(id=uuid.uuid4())}
        agents.agent_files_changed.send(sender=object, **told, attached=attached, detached=detached)
        rows = list(Entry.objects.order_by("id"))
    assert [one for row in rows for one in row.detail["attached"]] == attached
    assert [one for row in rows for one in row.detail["detached"]] == detached


@pytest.mark.django_db(databases=["default"])
def test_a_new_agent_says_which_files_it_began_with() -> None:
    """How many they were answers nobody who asks with which agents a file was."""
    with cast.acting(cast.ADA):
        given = [FileFactory().pk, FileFactory().pk]
        agent = agent_services.create(actor=cast.ADA.tenant, file_ids=given, name="Desk")
        told = Entry.objects.get(action="agent.files_changed", target_id=str(agent.pk)).detail
        assert told == {"attached": sorted(map(str, given)), "detached": []}
        agent_services.create(actor=cast.ADA.tenant, name="Empty")
        assert Entry.objects.filter(action="agent.files_changed").count() == 1


def test_a_list_that_is_cut_says_so() -> None:
    entry = entries.fact("trail.read", actor=cast.ADA.tenant, detail={"names": [str(number) for number in range(30)]})
    assert entry["detail"]["names"][-2:] == ["23", "…"]


@pytest.mark.django_db(databases=["default"])
def test_whoever_was_shown_a_file_by_a_search_is_found_by_the_file() -> None:
    found = [uuid.uuid4(), uuid.uuid4()]
    with cast.acting(cast.BOB):
        files.note_search(actor=cast.BOB.tenant, found=[found[0], found[1], found[0]])
    with cast.acting(cast.ADA):
        told = [queries.trail(Chosen(target=str(file))).get() for file in found]
        assert [(row.action, row.actor_name, row.detail["passages"]) for row in told] == [
            ("file.shown", "Bob", 2),
            ("file.shown", "Bob", 1),
        ]
        search = Entry.objects.get(action="file.searched")
        assert (search.detail["files"], search.detail["passages"]) == ([str(file) for file in found], 3)
