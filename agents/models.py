"""What is an agent: instructions, the files it answers from, and who may use it?"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from accounts.models import Membership
from accounts.sharing import SHARE_MADE, SHARE_SEEN, SHARE_WRITTEN, Share, named
from accounts.tenancy.constraints import MemberPolicy
from accounts.tenancy.models import WorkspaceForeignKey, WorkspaceModel
from agents.tools.models import Tool, ToolServer
from agents.vendors.models import Budget, ModelProvider, ModelUse, MonthlyUse
from files.models import FILE_VISIBLE, OWNED, OWNED_OR_SHARED, File

__all__ = [
    "Agent",
    "AgentFile",
    "AgentShare",
    "AgentTool",
    "AgentVersion",
    "Budget",
    "ModelProvider",
    "ModelUse",
    "MonthlyUse",
    "Tool",
    "ToolServer",
]

MOST_FILES = 200
MOST_TOOLS = 40
MOST_TOKENS = 16_000
MOST_STARTERS = 6
LONGEST_STARTER = 200  # characters
DEFAULT_REFUSAL = "I could not find an answer to that in my files."


class Visibility(models.TextChoices):
    """Who in the workspace may ask an agent: its owner alone, those whom the owner chose, or every member."""

    PRIVATE = "private", "Only you"
    NAMED = "named", "People you choose"
    WORKSPACE = "workspace", "Everyone in the workspace"


# Those who were chosen come last: most rows are one's own or everybody's, and then the shares are not asked at all.
# Measured among 10,000 agents of a workspace: a count takes 13 ms where nothing is shared with the reader, and 17 ms with 1,000 shares.
READABLE = f"{OWNED_OR_SHARED} OR (visibility = 'named' AND {named('agents_agentshare', 'agent_id')}) OR {{glass}}"


class Agent(WorkspaceModel):
    """Answers questions from the files attached to it."""

    class Provider(models.TextChoices):
        BUILTIN = "builtin", "Built-in retrieval (quotes your files, no language model)"
        MODEL = "model", "A language model"

    owner = WorkspaceForeignKey(Membership, models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    # The slug ends in random characters, so that "this slug is taken" says nothing about a colleague's private agent.
    slug = models.SlugField(max_length=80)
    description = models.CharField(max_length=300, blank=True)
    instructions = models.TextField(max_length=8000, blank=True)
    refusal_text = models.CharField(max_length=500, default=DEFAULT_REFUSAL)
    # Questions that people can ask with one press where a conversation begins, in the order of their buttons.
    starter_prompts = ArrayField(models.CharField(max_length=LONGEST_STARTER), default=list, size=MOST_STARTERS)
    visibility = models.CharField(max_length=10, choices=Visibility.choices, default=Visibility.PRIVATE)
    provider = models.CharField(max_length=20, choices=Provider.choices, default=Provider.BUILTIN)
    # Which model, where one writes. Without its provider, which was removed, the agent says so and answers nothing.
    model_provider = WorkspaceForeignKey(ModelProvider, models.SET_NULL, null=True, related_name="agents")
    model = models.CharField(max_length=120, blank=True)
    # None: as the vendor does it; some models take no other.
    temperature = models.FloatField(null=True, validators=[MinValueValidator(0.0), MaxValueValidator(2.0)])
    max_tokens = models.PositiveIntegerField(
        default=1000, validators=[MinValueValidator(16), MaxValueValidator(MOST_TOKENS)]
    )
    retrieval_depth = models.PositiveSmallIntegerField(
        default=5, validators=[MinValueValidator(1), MaxValueValidator(20)]
    )
    # The cosine below which a question counts as unanswerable; measured in tests/agents/test_retrieval_quality.py.
    retrieval_threshold = models.FloatField(default=0.25, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)])
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True)
    # Names what its owner sent to make it (accounts.submissions), so that the same submit twice makes one agent.
    submission = models.CharField(max_length=64, null=True)  # noqa: DJ001 - NULL means "none" for the unique

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "slug"], name="agents_agent_slug"),
            models.UniqueConstraint(fields=["workspace", "submission"], name="agents_agent_once"),
            # What a share names: the agent together with its owner.
            models.UniqueConstraint(fields=["workspace", "id", "owner"], name="agents_agent_owned"),
            MemberPolicy(name="agents_agent_member", read=READABLE, write=OWNED),
        ]
        indexes = [
            models.Index(fields=["workspace", "owner", "-created_at"], name="agents_agent_of_owner"),
            models.Index(fields=["workspace", "model_provider"], name="agents_agent_of_provider"),
        ]

    def __str__(self) -> str:
        return self.name


AGENT_VISIBLE = (
    "EXISTS (SELECT 1 FROM agents_agent a WHERE a.workspace_id = {table}.workspace_id AND a.id = {table}.agent_id)"
)
AGENT_OWNED = (
    "EXISTS (SELECT 1 FROM agents_agent a WHERE a.workspace_id = {table}.workspace_id AND a.id = {table}.agent_id "
    "AND a.owner_id = {member})"
)
# Attaching asks both: my agent, and a file that I may see. Otherwise a colleague's private file could be named (L1, L6).
AGENT_OWNED_FILE_VISIBLE = f"{AGENT_OWNED} AND {FILE_VISIBLE}"


class AgentFile(WorkspaceModel):
    """A file attached to an agent. Who asks the agent still reads only the files that he himself may read."""

    agent = WorkspaceForeignKey(Agent, models.CASCADE, related_name="agent_files")
    file = WorkspaceForeignKey(File, models.CASCADE, related_name="agent_files")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "agent", "file"], name="agents_agentfile_once"),
            MemberPolicy(name="agents_agentfile_member", read=AGENT_VISIBLE, write=AGENT_OWNED_FILE_VISIBLE),
        ]
        indexes = [models.Index(fields=["workspace", "file"], name="agents_agentfile_of_file")]

    def __str__(self) -> str:
        return f"file {self.file_id} of agent {self.agent_id}"


class AgentTool(WorkspaceModel):
    """A tool that an agent may call, for as long as the workspace allows it."""

    agent = WorkspaceForeignKey(Agent, models.CASCADE, related_name="agent_tools")
    tool = WorkspaceForeignKey(Tool, models.CASCADE, related_name="agent_tools")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "agent", "tool"], name="agents_agenttool_once"),
            MemberPolicy(name="agents_agenttool_member", read=AGENT_VISIBLE, write=AGENT_OWNED),
        ]
        indexes = [models.Index(fields=["workspace", "tool"], name="agents_agenttool_of_tool")]

    def __str__(self) -> str:
        return f"tool {self.tool_id} of agent {self.agent_id}"


class AgentShare(Share):
    """An agent is shared with a member by name: to be asked, and nothing else (L20)."""

    PART_OF = "agent"

    agent = WorkspaceForeignKey(Agent, models.CASCADE, related_name="shares")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "agent", "member"], name="agents_agentshare_once"),
            MemberPolicy(name="agents_agentshare_member", read=SHARE_SEEN, write=SHARE_WRITTEN, insert=SHARE_MADE),
        ]
        indexes = [models.Index(fields=["workspace", "member"], include=["agent"], name="agents_agentshare_of_member")]

    def __str__(self) -> str:
        return f"agent {self.agent_id} for {self.member_id}"


class AgentVersion(WorkspaceModel):
    """What an agent was after one saved change. It is never changed, and goes with the agent.

    Its owner alone reads it: an earlier state may hold what he took out before he shared the agent.
    """

    agent = WorkspaceForeignKey(Agent, models.CASCADE, related_name="versions")
    number = models.IntegerField()
    author = WorkspaceForeignKey(Membership, models.PROTECT, related_name="+")
    # The number of the version that was brought back, where this is what that one was.
    restored_from = models.IntegerField(null=True)
    content = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "agent", "number"], name="agents_agentversion_number"),
            MemberPolicy(
                name="agents_agentversion_member",
                read=AGENT_OWNED,
                write=AGENT_OWNED,
                insert=f"{AGENT_OWNED} AND author_id = {{member}}",
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.number}"
