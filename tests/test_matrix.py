"""Who may do what to which thing, in whatever state of belonging it is? (L20)

Generated: every address that names a file, an agent or a conversation, as a page and in the API, by every method, for every
role, on a thing of one's own, a colleague's private or shared one, another workspace's, and one that never was. What is
allowed follows from three sentences, below in `may`; an address that is made tomorrow is held to them as well.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.http import FileResponse
from django.test import Client

from agents.models import Agent, AgentFile, AgentTool
from conversations.models import Conversation, ConversationFile, ConversationShare, Message, ToolCall
from conversations.watching import HUB
from files import storage
from files.models import File, FileTag
from tests import doors
from tests.addresses import MISSING, WITH_IDS, Address
from tests.bodies import send_valid
from tests.cast import ADA, ALICE, BOB, CHARLIE, VERA, Person, acting
from tests.factories import Desk, a_full_desk
from tests.standing import undone

DATABASES = ("default", "identity", "cache")
pytestmark = pytest.mark.django_db(databases=DATABASES)

ABOUT = ("/files/", "/agents/", "/conversations/", "/api/v1/files/", "/api/v1/agents/", "/api/v1/conversations/")
MATRIX = [one for one in WITH_IDS if one.pattern.startswith(ABOUT)]
STATES = ("own", "private", "shared", "foreign", "missing")
ROLES = {"owner": ALICE, "admin": ADA, "member": BOB, "viewer": VERA}
# What a GET shows to who may change the thing, and to nobody else: forms, what an agent was before, what is said of it.
FORMS = (
    "/agents/<str:key>/edit/",
    "/agents/<str:key>/share/",
    "/agents/<str:key>/versions/",
    "/agents/<str:key>/versions/<uuid:version_id>/",
    "/conversations/feedback/<str:key>/",
    "/conversations/<uuid:conversation_id>/share/",
    "/api/v1/agents/<key>/feedback",
    "/api/v1/agents/<key>/versions",
    "/api/v1/agents/<key>/versions/<version_id>",
)
MARK = " UNION ALL ".join(
    f"SELECT md5(string_agg(row.*::text, '\n' ORDER BY row.id)) FROM {model._meta.db_table} row"
    for model in (
        File,
        FileTag,
        Agent,
        AgentFile,
        AgentTool,
        Conversation,
        ConversationFile,
        ConversationShare,
        Message,
        ToolCall,
    )
)
# What a GET shows to whose it is alone, also where the thing is shared: what is taken away, and what was said of an answer.
OWN = (
    "/conversations/try/<uuid:trial_id>/",
    "/conversations/try/<uuid:trial_id>/answer/",
    "/conversations/try/<uuid:trial_id>/stream/",
    "/conversations/<uuid:conversation_id>/files/",
    "/conversations/<uuid:conversation_id>/files/attached/",
    "/api/v1/conversations/<uuidstr:conversation_id>/files",
    "/conversations/<uuid:conversation_id>/export/",
    "/conversations/<uuid:conversation_id>/messages/<uuid:message_id>/feedback/",
    "/api/v1/conversations/<uuidstr:conversation_id>/export",
    "/api/v1/conversations/<uuidstr:conversation_id>/messages/<uuidstr:message_id>/feedback",
)
# Writes that make something of the reader's own, and change nothing of the thing itself.
COPIES = ("/agents/<str:key>/duplicate/",)


@pytest.fixture(autouse=True)
def _no_listener_left() -> Iterator[None]:
    """Streams are asked as well, and the line on which they listen would outlive the tests' server."""
    yield
    HUB.close()


def owner_of(state: str, person: Person) -> Person:
    colleague = ALICE if person is BOB else BOB
    return {"own": person, "private": colleague, "shared": colleague, "foreign": CHARLIE, "missing": person}[state]


def a_desk(state: str, person: Person) -> Desk:
    """One of everything, in this state for this person, with bytes behind the file."""
    desk = a_full_desk(owner_of(state, person), "workspace" if state == "shared" else "private")
    with acting(desk.person):
        storage.save(desk.rows["file_id"].storage_key, ContentFile(b"Refunds take ten days..."))
    return desk


def kept(desk: Desk) -> str:
    """A mark of everything of the desk that a request could change, as its owner sees it."""
    with acting(desk.person), connection.cursor() as cursor:
        cursor.execute(MARK)
        return str(cursor.fetchall())


def may(address: Address, method: str, state: str, role: str) -> bool:
    """Nobody reaches what is not his or shared with him; only its owner changes a thing; and no viewer changes any."""
    writes = method not in ("GET", "HEAD") or address.pattern in FORMS
    if state in ("private", "foreign", "missing") or (state == "shared" and address.pattern in OWN):
        return False
    if writes and role == "viewer":
        return False
    return state == "own" or not writes or address.pattern in COPIES


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("state", STATES)
def test_each_role_does_to_each_thing_what_it_may_and_nothing_else(state: str, role: str) -> None:
    """L20: sharing lets others read, and nothing more; a role that may do more in the workspace may not do so to the thing."""
    person = ROLES[role]
    clients = {True: doors.program(person), False: doors.browser(person)}
    desk = a_desk(state, person)
    before = kept(desk)
    for address in MATRIX:
        for method in address.methods:
            allowed = may(address, method, state, role)
            with undone(DATABASES):
                status = ask(clients[address.is_api], address, method, desk, state)
                after = before if allowed or status == 405 else kept(desk)
            case = (role, state, method, address.pattern, status)
            if status == 405:
                continue
            if allowed:
                assert status not in ((401, 403, 404, 422) if address.is_api else (401, 403, 404)), case
                assert status < 500, case
            else:
                assert status in (403, 404), case
                assert after == before, case
                # Not even that there is such a thing; a viewer is told of his role before anything is looked up.
                assert status != 403 or state in ("own", "shared") or role == "viewer", case


def ask(client: Client, address: Address, method: str, desk: Desk, state: str) -> int:
    ids = dict.fromkeys(desk.ids, MISSING) if state == "missing" else desk.ids
    path = address.path({**ids, "key": ids["agent_id"]})
    # What the operation accepts: a 422 would come before anybody looked for the row.
    response: object = send_valid(client, method, address, path, desk.ids)
    if isinstance(response, FileResponse):
        b"".join(response)  # read to its end, which gives its place and its file back
    return int(response.status_code)  # type: ignore[attr-defined]  # an object to mypy, which knows no stream of the test client


def test_the_matrix_holds_every_kind_of_thing() -> None:
    """A matrix over nothing would be green."""
    patterns = {one.pattern for one in MATRIX}
    assert {"/files/<uuid:file_id>/delete/", "/agents/<str:key>/edit/", "/api/v1/files/<uuidstr:file_id>"} <= patterns
    assert len(MATRIX) >= 25
    assert len(ROLES) * len(STATES) * len(MATRIX) >= 500
