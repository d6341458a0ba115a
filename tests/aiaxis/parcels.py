"""What does Alice take home of Acme, and what does an export say in words, whatever its keys?"""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta
from typing import Any

from django.utils import timezone

from agents import services as agents
from agents.models import Agent
from aiaxis.exports import contents, writing
from conversations.models import Citation, Conversation, Feedback, Message
from files import services as files
from files.models import File, Passage
from files.tags import services as tags
from files.uploads import from_bytes
from tests.cast import ALICE, BOB, Person, acting
from tests.factories import ConversationFactory, MessageFactory, ToolCallFactory

TEXT = "Any unused article may be sent back within thirty days.\nNobody has to give a reason."
QUOTE = "Nobody has to give a reason."
SECRET = "what Bob keeps to himself"


def made() -> bytes:
    """A file with its passages, an agent of three versions, a conversation that forks and one that is temporary, both with a call of
    a tool, and what Bob shares and keeps.
    """
    with acting(ALICE) as alice:
        file = files.ingest(actor=alice, content=TEXT.encode(), name="returns.txt")
        tags.add(actor=alice, file=file, names=["Returns", "policy"])
        agent = agents.create(actor=alice, name="Desk", instructions="Be brief.", visibility="named",
                              people=[BOB.membership_id], file_ids=[file.pk])  # fmt: skip
        agents.edit(agent, actor=alice, instructions="Be kind.", file_ids=[])
        agents.edit(agent, actor=alice, file_ids=[file.pk])
        talk(agent, file)
    with acting(BOB) as bob:
        for name, words, visibility in (("shared.txt", "Of Bob.", "workspace"), (f"{SECRET}.txt", SECRET, "private")):
            # Not read yet when the export is made.
            with from_bytes(name, words.encode()) as received:
                one = files.upload(actor=bob, content=received, name=name, visibility=visibility).file
            tags.add(actor=bob, file=one, names=[f"of {name}"[:40]])
        agents.create(actor=bob, name="Shared desk", visibility="workspace")
        agents.create(actor=bob, name=SECRET)
    return taken_home(ALICE)


def talk(agent: Agent, file: File) -> None:
    now = timezone.now()
    begun = Conversation.objects.create(owner_id=ALICE.membership_id, agent=agent, title="Returns", archived_at=now)
    asked = Message.objects.create(conversation=begun, position=0, role="user", text="Why?", status="done")
    answer = Message.objects.create(conversation=begun, parent=asked, position=1, role="assistant",
                                    text=f"> {QUOTE} [1]\n\n<script>alert(1)</script>", status="done", finished_at=now)  # fmt: skip
    # Another answer, chosen since, of which the worker had not written a word yet.
    Message.objects.create(
        conversation=begun, parent=asked, position=2, preference=3, role="assistant", status="queued"
    )
    passage = Passage.objects.get(file=file)
    start = passage.text.index(QUOTE)
    Citation.objects.create(message=answer, number=1, file=file, passage=passage, file_name=file.name, quote=QUOTE,
                            page=passage.page, label=passage.label, start=start, end=start + len(QUOTE))  # fmt: skip
    ToolCallFactory(message=answer, state="done", result="It left on Monday.")
    Feedback.objects.create(owner_id=ALICE.membership_id, message=answer, agent=agent, is_helpful=False, comment="Why?")
    passing = ConversationFactory(agent=agent, erased_after=now + timedelta(hours=1))
    ToolCallFactory(message=MessageFactory(conversation=passing))


def taken_home(person: Person) -> bytes:
    target = io.BytesIO()
    with acting(person) as actor:
        writing.write(target, actor=actor, total=lambda size: None, progress=lambda size: None)
    return target.getvalue()


def told(content: bytes) -> dict[str, Any]:
    """An export in words: every row of every part, with names in the place of keys, in an order that depends on no key."""
    file = zipfile.ZipFile(io.BytesIO(content))
    found = {part.name: [json.loads(line) for line in file.read(f"data/{part.name}.jsonl").splitlines()]
             for part in contents.GOES.values()}  # fmt: skip
    # Whoever ordered it is "me" on both sides.
    me = json.loads(file.read(writing.MANIFEST))["made_for"]
    words = {me: "me"}
    for part in ("members", "files", "agents", "conversations", "agent-versions", "messages"):
        for row in found[part]:
            name = row.get("display_name") or row.get("name") or row.get("title")
            words.setdefault(
                row["id"], (name or f"{part} {row.get('number', row.get('position'))}").removesuffix(" (imported)")
            )
    text = json.dumps({part: rows for part, rows in found.items() if part != "members"})
    for key, word in words.items():
        text = text.replace(key, word)
    again: dict[str, list[dict[str, Any]]] = json.loads(text)
    for row in again["files"]:
        row.pop("updated_at")
    for part in ("file-tags", "agent-files", "agent-shares", "citations", "feedback", "tool-calls"):
        for row in again[part]:
            row.pop("id")
    told = {part: sorted(rows, key=json.dumps) for part, rows in again.items()}
    return {**told, "bytes": sorted(file.read(name) for name in file.namelist() if name.startswith("files/"))}
