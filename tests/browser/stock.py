"""What stands in Acme while its pages are looked at: one of everything, a long name of each, and a finished answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from accounts.http import Tenant
from accounts.tenancy.models import new_id
from agents import services as agents
from agents.models import Agent, Tool
from agents.tools import services as tools
from agents.tools.client import Offered
from agents.tools.models import Rule
from agents.vendors import services as vendors
from conversations.models import Citation, Conversation, ConversationFile, Message, ToolCall, Trial
from conversations.rendering import render
from conversations.sharing import services as sharing
from files import storage
from files.models import LONGEST_TAG, MOST_TAGS, File, Passage, Visibility
from files.tags import services as tags
from tests.cast import ALICE, BOB, acting

# 120 characters with one word that cannot be broken at a space.
LONG = ("Quarterly_consolidated_statement_of_customer_refunds and warranties for all regions, final version " * 2)[
    :116
] + ".pdf"
TEXT = "Any unused article may be sent back within thirty days.\nNobody has to give a reason."
LOCKED = "It is password-protected. Upload it without the password."
QUOTE = "Any unused article may be sent back within thirty days."

CODE = "for article in shop.returned(within=30, reason=None, of=customer, parcel=arrived, label=printed, refund=True):\n    pay(article)"
LISTING = f"```python\n{CODE}\n```\n\n```\nplain\n```"

# What a workspace has whatever is in it.
FIXED = {
    "trail": "/trail/",
    "trail kept": "/trail/kept/",
    "account": "/account/",
    "password": "/account/password/",
    "installation": "/account/installation/",
    "protection": "/protection/",
    "keys": "/keys/",
    "new key": "/keys/new/",
    "export": "/export/",
    "import": "/import/",
    "usage": "/usage/",
    "what is kept": "/kept/",
    "what would be deleted": "/kept/?conversation_days=90&file_days=30",
    "models": "/models/",
    "new model provider": "/models/new/",
    "model budget": "/models/budget/",
    "tools": "/tools/",
    "new server of tools": "/tools/new/",
    "nothing": "/nothing-here/",
}


@dataclass(frozen=True)
class Stock:
    """Where the pages of the stocked rows are."""

    file: str
    passage: str
    agent: str
    version: str
    conversation: str
    colleagues: str
    temporary: str
    question: str
    trial: str
    provider: str
    server: str
    waiting: str

    @property
    def pages(self) -> dict[str, str]:
        """Every page of a workspace that a member can open, by a name for failures."""
        return {
            **self._conversations,
            "conversations": "/conversations/",
            "agent feedback": self.agent.replace("/agents/", "/conversations/feedback/"),
            "conversation": self.conversation,
            "conversation files": f"{self.conversation}files/",
            "question put differently": f"{self.conversation}?edit={self.question}",
            "agent that is tried": self.trial,
            "agents": "/agents/",
            "archived agents": "/agents/?show=archived",
            "agent": self.agent,
            "agent form": "/agents/new/",
            "agent edit": f"{self.agent}edit/",
            "agent sharing": f"{self.agent}share/",
            "agent versions": f"{self.agent}versions/",
            "agent version": self.version,
            "files": "/files/",
            "files with a tag that none has": "/files/?tag=never",
            "file": self.file,
            "passage": self.passage,
            "search": "/search/?q=unused+article",
            "model provider": self.provider,
            "model provider change": f"{self.provider}change/",
            "server of tools": self.server,
            "server of tools change": f"{self.server}change/",
            "conversation with calls": self.waiting,
            **FIXED,
        }

    @property
    def _conversations(self) -> dict[str, str]:
        return {
            "new conversation": "/conversations/new/",
            "archived conversations": "/conversations/?show=archived",
            "conversation search": "/conversations/search/?q=unused+article",
            "new temporary conversation": "/conversations/new/?temporary=1",
            "temporary conversation": self.temporary,
            "sharing a conversation": f"{self.conversation}share/",
            "conversations shared with me": "/conversations/shared/",
            "a conversation that a colleague shares": self.colleagues,
        }


def fill() -> Stock:
    """Put the rows down as Alice. The caller's test empties the tables again."""
    with acting(ALICE) as alice:
        file = _file(alice.membership_id, LONG, "ready")
        _others(alice, file)
        passage = Passage.objects.create(
            file=file, position=0, page=1, label="Page 1", text=TEXT, start=0, end=len(TEXT)
        )
        agent = agents.create(
            actor=alice,
            name=LONG,
            description=LONG * 2,
            instructions="Be brief.",
            starter_prompts=[LONG, "How long do refunds take?"],
            visibility="named",
            people=[BOB.membership_id],
            file_ids=[file.pk],
        )
        agents.edit(agent, actor=alice, instructions=f"Be kind. {LONG}", file_ids=[], retrieval_depth=7)
        agents.edit(agent, actor=alice, file_ids=[file.pk])
        version = agent.versions.get(number=2)
        conversation = Conversation.objects.create(owner_id=alice.membership_id, agent=agent, title=LONG)
        sharing.share(conversation, actor=alice, visibility="named", people=[BOB.membership_id])
        question = _talk(conversation, file, passage)
        trial = _trial(agent, file, passage)
    return Stock(
        file=f"/files/{file.pk}/",
        passage=f"/files/{file.pk}/passages/{passage.pk}/?start=0&end={len(QUOTE)}",
        agent=f"/agents/{agent.slug}/",
        version=f"/agents/{agent.slug}/versions/{version.pk}/",
        conversation=f"/conversations/{conversation.pk}/",
        colleagues=f"/conversations/{_colleagues()}/",
        temporary=f"/conversations/{_temporary()}/",
        question=str(question),
        trial=f"/conversations/try/{trial}/",
        provider=f"/models/{a_provider()}/",
        server=f"/tools/{a_server()}/",
        waiting=f"/conversations/{_calling(agent)}/",
    )


def a_provider() -> UUID:
    """A model provider with long names, and limits that are nearly and wholly used."""
    names = [f"{LONG[:90].replace(' ', '-')}-{number}" for number in range(12)]
    typed = vendors.Words(LONG[:80], "openai", f"https://93.184.216.34/{'v1' * 60}", key="k" * 20, models=names)
    with acting(ALICE) as alice:
        vendors.set_budget(actor=alice, requests=0, tokens=5_000_000, money=100 * 1_000_000)
        return vendors.add(typed, actor=alice)


def _trial(agent: Agent, file: File, passage: Passage) -> UUID:
    soon = timezone.now() + timedelta(hours=1)
    conversation = Conversation.objects.create(owner_id=agent.owner_id, agent=agent, title="A try", erased_after=soon)
    trial: UUID = Trial.objects.create(conversation=conversation, settings={}).pk
    _talk(conversation, file, passage)
    return trial


def a_server() -> UUID:
    """A server with long names: one tool in each state, and one more that its server does not offer any more."""
    wanted, typed = new_id(), tools.Words(LONG[:80], f"https://93.184.216.34/{'mcp' * 60}", "k" * 20)
    schema = {"type": "object", "properties": {"order": {"type": "string", "description": LONG}}, "required": ["order"]}
    names = ["look_up", "cancel", "send", "count", "a-name_of-a-tool." * 7]
    offered = [Offered(name, f"{LONG} <script>", schema, name == "look_up", "d" * 64) for name in names]
    with acting(ALICE) as alice:
        tools._keep("add", wanted, typed, typed.key)
        tools._keep_tools(wanted, offered)
        rules = {"look_up": Rule.FREE, "cancel": Rule.ASK, "send": Rule.FREE, "count": Rule.ASK}
        for tool in Tool.objects.filter(server=wanted, name__in=rules):
            tools.decide(tool, rule=rules[tool.name], seen=tool.digest, actor=alice)
        moved = Offered("send", LONG, schema, True, "e" * 64)
        tools._keep_tools(wanted, [one for one in offered if one.name not in ("send", "count")] + [moved])
    return wanted


def _calling(agent: Agent) -> UUID:
    """A conversation whose answer waits for a word, after calls that came to something."""
    with acting(ALICE) as alice:
        conversation = Conversation.objects.create(owner_id=alice.membership_id, agent=agent, title="Cancel order 17")
        asked = _say(conversation, None, role="user", text="Cancel order 17, if it has not left.")
        answer = _say(conversation, asked, role="assistant", status="waiting", text="")
        Message.objects.filter(pk=answer.pk).update(finished_at=None, alive_at=timezone.now())
        states = ("done", "failed", "waiting")
        for number, state in enumerate(states, start=1):
            ToolCall.objects.create(
                message=answer, number=number, round=number, mark=f"call_{number}", server_name=LONG[:80], state=state,
                tool_name="a-name_of-a-tool." * 7, model_name="x", arguments=json.dumps({"order": "17", "note": LONG}),
                digest="d" * 64, result="" if state == "waiting" else f"{LONG} <b>",
            )  # fmt: skip
    key: UUID = conversation.pk
    return key


def leave_unanswered(places: Stock) -> None:
    """Add a question whose answer no worker will ever begin, so that a page can be watched while it waits."""
    with acting(ALICE):
        conversation = Conversation.objects.get(pk=places.conversation.split("/")[2])
        last = Message.objects.filter(conversation=conversation).latest("position")
        asked = Message.objects.create(
            conversation=conversation, parent=last, position=90, role="user", text="And now?", status="done"
        )
        Message.objects.create(conversation=conversation, parent=asked, position=91, role="assistant", status="queued")


def _colleagues() -> UUID:
    """A conversation of Bob's that everybody reads: an answer from a file that Alice cannot open, and one that is being written."""
    with acting(BOB) as bob:
        file = _file(bob.membership_id, "bobs-own.md", "ready")
        conversation = Conversation(owner_id=bob.membership_id, title=LONG, visibility="workspace")
        conversation.save()
        asked = _say(conversation, None, role="user", text=LONG)
        answer = _say(conversation, asked, role="assistant", text=f"> {QUOTE} [1]")
        Citation.objects.create(message=answer, number=1, file=file, file_name=file.name, quote=QUOTE, start=0, end=9)
        asked = _say(conversation, answer, role="user", text="And broken ones?")
        answer = _say(conversation, asked, role="assistant", text="Those too.")
        asked = _say(conversation, answer, role="user", text="And damaged ones?")
        Message.objects.create(conversation=conversation, parent=asked, position=9, role="assistant", status="queued")
        shared: UUID = conversation.pk
    return shared


def _temporary() -> UUID:
    """A conversation of Alice's that is erased in a while."""
    with acting(ALICE) as alice:
        soon = timezone.now() + timedelta(hours=3)
        conversation = Conversation(owner_id=alice.membership_id, title="In a while", erased_after=soon)
        conversation.save()
        _say(conversation, None, role="user", text=LONG)
        gone: UUID = conversation.pk
    return gone


def _file(owner: object, name: str, status: str, **values: str) -> File:
    file: File = File.objects.create(
        owner_id=owner, name=name, status=status, media_type="application/pdf", size=12_345, sha256=uuid4().hex * 2,
        storage_key=storage.new_key(), **values,
    )  # fmt: skip
    return file


def _others(alice: Tenant, file: File) -> None:
    """A page of files beside this one, which has as many tags as there may be; the newest have two, one, and none."""
    _file(alice.membership_id, "locked.docx", "refused", refusal=LOCKED)
    for number in range(30):
        _file(alice.membership_id, f"minutes-{number:02}.md", "ready", visibility=Visibility.WORKSPACE)
    tags.add(actor=alice, file=file, names=[f"{number} {LONG}"[:LONGEST_TAG] for number in range(MOST_TAGS)])
    for name, words in (("minutes-29.md", ["minutes", "2026"]), ("minutes-28.md", ["minutes"])):
        tags.add(actor=alice, file=File.objects.get(name=name), names=words)


def _attach(conversation: Conversation) -> None:
    """One that is ready with a long name, one that was refused, and one that everybody may read."""
    for name in (LONG, "locked.docx", "minutes-00.md"):
        one = File.objects.filter(name=name)[0]
        ConversationFile.objects.create(conversation=conversation, file=one, file_name=name)


def _talk(conversation: Conversation, file: File, passage: Passage) -> UUID:
    asked = _say(conversation, None, role="user", text=LONG)
    answer = _say(conversation, asked, role="assistant", text=f"{LISTING}\n\nYour files say:\n\n> {QUOTE} [1]")
    answer.html = render(answer.text, message_id=answer.pk, numbers=[1])
    answer.save()
    Citation.objects.create(
        message=answer, number=1, file=file, passage=passage, file_name=file.name, page=1, label="Page 1", quote=QUOTE,
        start=0, end=len(QUOTE),
    )  # fmt: skip
    _attach(conversation)
    # Put twice, and answered twice: a fork below a fork.
    _say(conversation, answer, role="user", text="And broken ones?")
    damaged = _say(conversation, answer, role="user", text="And damaged ones?", preference=1)
    _say(conversation, damaged, role="assistant", text="Those too.")
    error = "The file store did not answer."
    _say(conversation, damaged, role="assistant", status="failed", error=error, preference=1)
    return damaged.pk


def _say(conversation: Conversation, parent: Message | None, *, status: str = "done", **values: Any) -> Message:
    position = Message.objects.filter(conversation=conversation).count()
    message: Message = Message.objects.create(
        conversation=conversation, parent=parent, position=position, status=status, finished_at=timezone.now(), **values
    )
    return message
