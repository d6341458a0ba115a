"""What rows does a test need, in somebody's workspace and name?

Each factory writes through the fence as whoever is bound (`with acting(ALICE): FileFactory()`), so no test can make a row that the
application could not make. `a_full_desk` gives a person one of everything: the twin that a negative test could leak.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from accounts.models import ApiKey, Role
from accounts.services import invitations
from accounts.tenancy.context import current_member_id
from accounts.tenancy.models import new_id
from agents.models import Agent, AgentFile, AgentShare, AgentTool, AgentVersion, ModelProvider, Tool
from agents.tools import services as tools
from agents.tools.client import Offered
from agents.vendors import services as vendors
from agents.versions import content
from aiaxis.exports.models import WorkspaceExport
from aiaxis.imports.models import WorkspaceImport
from audit.exports.models import Export
from audit.filters.models import OwnFilter
from audit.notices import services as notices
from audit.notices.models import Channel, Kind
from conversations.models import (
    Citation,
    Conversation,
    ConversationFile,
    ConversationShare,
    Message,
    ToolCall,
    Trial,
    TrialFile,
)
from files import storage
from files.models import File, FileTag, Passage, Visibility
from tests import doors
from tests.cast import ADA, ALICE, CHARLIE, Person, acting


class FileFactory(DjangoModelFactory):
    """A file that has been read, of the bound member."""

    class Meta:
        model = File

    owner_id = factory.LazyFunction(current_member_id)
    name = factory.Sequence(lambda number: f"report {number}.txt")
    media_type = "text/plain"
    size = 24
    sha256 = factory.LazyFunction(lambda: hashlib.sha256(secrets.token_bytes(8)).hexdigest())
    storage_key = factory.LazyFunction(storage.new_key)
    visibility = Visibility.PRIVATE
    status = File.Status.READY
    pages = 1


class FileTagFactory(DjangoModelFactory):
    """A tag of a file of the bound member."""

    class Meta:
        model = FileTag

    file = factory.SubFactory(FileFactory)
    name = key = "policy"


class PassageFactory(DjangoModelFactory):
    """One passage of a file."""

    class Meta:
        model = Passage

    file = factory.SubFactory(FileFactory)
    position = factory.Sequence(lambda number: number)
    page = 1
    text = "Refunds take ten days."
    start = 0
    end = 22


class AgentFactory(DjangoModelFactory):
    """An agent of the bound member, without files."""

    class Meta:
        model = Agent

    owner_id = factory.LazyFunction(current_member_id)
    name = factory.Sequence(lambda number: f"Agent {number}")
    slug = factory.LazyFunction(lambda: f"agent-{secrets.token_hex(4)}")
    visibility = Visibility.PRIVATE


class AgentFileFactory(DjangoModelFactory):
    """A file that an agent may read."""

    class Meta:
        model = AgentFile

    agent = factory.SubFactory(AgentFactory)
    file = factory.SubFactory(FileFactory)


class AgentShareFactory(DjangoModelFactory):
    """A member may ask an agent of the bound member."""

    class Meta:
        model = AgentShare

    owner_id = factory.LazyFunction(current_member_id)
    agent = factory.SubFactory(AgentFactory, visibility="named")


class AgentVersionFactory(DjangoModelFactory):
    """What an agent of the bound member was."""

    class Meta:
        model = AgentVersion

    author_id = factory.LazyFunction(current_member_id)
    agent = factory.SubFactory(AgentFactory)
    number = 1
    content = factory.LazyAttribute(lambda made: {**content.of(made.agent), "name": "As it was"})


class ConversationFactory(DjangoModelFactory):
    """A conversation of the bound member with an agent of theirs."""

    class Meta:
        model = Conversation

    owner_id = factory.LazyFunction(current_member_id)
    agent = factory.SubFactory(AgentFactory)
    title = factory.Sequence(lambda number: f"Conversation {number}")


class ConversationShareFactory(DjangoModelFactory):
    """A member may read a conversation of the bound member."""

    class Meta:
        model = ConversationShare

    owner_id = factory.LazyFunction(current_member_id)
    conversation = factory.SubFactory(ConversationFactory, visibility="named")


class MessageFactory(DjangoModelFactory):
    """A finished answer."""

    class Meta:
        model = Message

    conversation = factory.SubFactory(ConversationFactory)
    position = factory.Sequence(lambda number: number)
    role = Message.Role.ASSISTANT
    text = "Refunds take ten days."
    status = Message.Status.DONE
    finished_at = factory.LazyFunction(timezone.now)


class ToolCallFactory(DjangoModelFactory):
    """A call that waits for the word of whoever asked."""

    class Meta:
        model = ToolCall

    message = factory.SubFactory(MessageFactory)
    number = 1
    round = 1
    mark = "call_0"
    server_name = "Orders"
    tool_name = model_name = "look_up"
    arguments = '{"order": "17"}'
    digest = "d" * 64
    state = ToolCall.State.WAITING


class CitationFactory(DjangoModelFactory):
    """A quote of an answer."""

    class Meta:
        model = Citation

    message = factory.SubFactory(MessageFactory)
    number = 1
    file_name = "report.txt"
    quote = "Refunds take ten days."
    start = 0
    end = 22


class ConversationFileFactory(DjangoModelFactory):
    """A file that is attached to a conversation of the bound member."""

    class Meta:
        model = ConversationFile

    conversation = factory.SubFactory(ConversationFactory)
    file = factory.SubFactory(FileFactory)
    file_name = factory.SelfAttribute("file.name")


@dataclass(frozen=True)
class Desk:
    """One of everything that belongs to one person, by the name under which addresses ask for it."""

    person: Person
    rows: dict[str, Any]

    @property
    def ids(self) -> dict[str, str]:
        """The ids, as they stand in addresses."""
        found = {name: str(row.pk) for name, row in self.rows.items() if name != "slug"}
        return {**found, "slug": self.rows["slug"]}


def _conversation(agent: Agent, file: File, visibility: str) -> Conversation:
    """A conversation with this agent, to which this file is attached."""
    made: Conversation = ConversationFactory(agent=agent, visibility=visibility)
    ConversationFileFactory(conversation=made, file=file)
    return made


def a_full_desk(person: Person, visibility: str = Visibility.PRIVATE) -> Desk:
    """Make one of everything for the person. With "workspace", what can be shared is shared with the whole workspace."""
    session_id = doors.session(person).tenant.credential_id
    doors.key(person)
    provider_id, import_id, tool = a_provider(person), an_import(person), a_server(person)
    with acting(person):
        file = FileFactory(visibility=visibility)
        passage, tag = PassageFactory(file=file), FileTagFactory(file=file)
        agent = AgentFactory(visibility=visibility)
        AgentFileFactory(agent=agent, file=file)
        conversation = _conversation(agent, file, visibility)
        message = MessageFactory(conversation=conversation)
        CitationFactory(message=message, file=file, passage=passage)
        rows = {
            "file_id": file,
            "passage_id": passage,
            "tag_id": tag,
            "agent_id": agent,
            "version_id": AgentVersionFactory(agent=agent),
            "conversation_id": conversation,
            **_shares(agent, conversation, person),
            "message_id": message,
            "trial_id": a_trial(agent, file),
            "key_id": ApiKey.objects.filter(membership_id=person.membership_id).latest("created_at"),
            "session_id": _Row(session_id),
            "member_id": _Row(person.membership_id),
            "provider_id": _Row(provider_id),
            **_tools(agent, message, tool),
            "export_id": Export.objects.create(membership_id=person.membership_id, format="csv"),
            "workspace_export_id": WorkspaceExport.objects.create(membership_id=person.membership_id),
            "workspace_import_id": _Row(import_id),
            "filter_id": a_filter(person),
            "slug": agent.slug,
        }
        if person.role is not None and person.role.rank >= Role.ADMIN.rank:
            address = f"guest-{secrets.token_hex(4)}@elsewhere.test"
            rows["invitation_id"] = invitations.send(actor=person.tenant, email=address, role=Role.VIEWER)
            rows["channel_id"] = _Row(a_channel(person))
    return Desk(person, rows)


def a_filter(person: Person) -> OwnFilter:
    """A link of the person's to a part of the trail, under a name."""
    made: OwnFilter = OwnFilter.objects.create(
        membership_id=person.membership_id, name=secrets.token_hex(4), query="outcome=denied"
    )
    return made


def a_trial(agent: Agent, file: File, instructions: str = "Quote.") -> Trial:
    """A try of the bound member's agent with one file, which is answered."""
    conversation = ConversationFactory(agent=agent, erased_after=timezone.now() + timedelta(hours=1))
    settings = {"refusal_text": "Nothing.", "retrieval_depth": 5, "retrieval_threshold": 0.25}
    trial: Trial = Trial.objects.create(conversation=conversation, settings={**settings, "instructions": instructions})
    TrialFile.objects.create(trial=trial, file=file)
    question = MessageFactory(conversation=conversation, role=Message.Role.USER)
    MessageFactory(conversation=conversation, parent=question)
    return trial


def _shares(agent: Agent, conversation: Conversation, person: Person) -> dict[str, Any]:
    """Both are shared with the person by name."""
    share = AgentShareFactory(agent=agent, member_id=person.membership_id)
    of_talk = ConversationShareFactory(conversation=conversation, member_id=person.membership_id)
    return {"share_id": share, "conversation_share_id": of_talk}


def _tools(agent: Agent, message: Message, tool: Tool) -> dict[str, Any]:
    """A tool that the agent may call, and a call of it."""
    AgentTool.objects.create(agent=agent, tool=tool)
    call = ToolCallFactory(message=message, tool=tool)
    return {"server_id": _Row(tool.server_id), "tool_id": tool, "call_id": call}


def a_channel(person: Person) -> UUID:
    """A notification channel of the person's workspace; who may not read the trail cannot make one."""
    with acting(person):
        # A workspace has room for ten, and many a test wants more desks than that.
        already: Channel | None = Channel.objects.filter(name="Mails").first()
        if already is not None:
            return already.id
        added = notices.add(
            actor=person.tenant,
            name="Mails",
            kind=Kind.EMAIL,
            reader=person.membership_id,
            reader_shown=person.email,
            least="critical",
            actions=[],
        )
    return added.id


def a_server(person: Person) -> Tool:
    """The tool of a server of the person's workspace, which only its administrators can add. Its address is never called."""
    keeper = CHARLIE if person.company == CHARLIE.company else ADA
    with acting(keeper):
        already: Tool | None = Tool.objects.filter(server__name="Orders").first()
        if already is not None:
            return already
        wanted, typed = new_id(), tools.Words("Orders", "http://127.0.0.1:9/mcp", "k" * 20)
        tools._keep("add", wanted, typed, typed.key)
        tools._keep_tools(wanted, [Offered("look_up", "Looks an order up.", {"type": "object"}, True, "d" * 64)])
        found: Tool = Tool.objects.get(server=wanted)
        return found


def a_provider(person: Person) -> UUID:
    """A model provider of the person's workspace, which only its administrators can add. It is never called."""
    keeper = CHARLIE if person.company == CHARLIE.company else ADA
    with acting(keeper) as actor:
        already: ModelProvider | None = ModelProvider.objects.filter(name="Tern").first()
        if already is not None:
            return already.pk
        typed = vendors.Words("Tern", "openai", "https://93.184.216.34/v1", key="k" * 20, models=["tern-small"])
        return vendors.add(typed, actor=actor)


def an_import(person: Person) -> UUID:
    """An import into the person's workspace that came to nothing, which only its owners can bring."""
    with acting(CHARLIE if person.company == CHARLIE.company else ALICE) as owner:
        row = WorkspaceImport(membership_id=owner.membership_id, status="failed")
        row.save()
        return row.pk


@dataclass(frozen=True)
class _Row:
    pk: UUID
