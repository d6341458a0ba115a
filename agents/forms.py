"""What do people write about an agent, as clean values?"""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet

from accounts import sharing
from accounts.forms import not_a_number
from accounts.http import NotVisible, Tenant
from accounts.sharing import PeopleField
from accounts.submissions import SubmissionField
from agents.models import (
    DEFAULT_REFUSAL,
    LONGEST_STARTER,
    MOST_FILES,
    MOST_STARTERS,
    MOST_TOKENS,
    MOST_TOOLS,
    Agent,
    Tool,
    Visibility,
)
from agents.tools import queries as tools
from agents.tools.models import Rule
from agents.vendors import queries as vendors
from files.models import File

GONE = "gone"
LONGEST_NAME = 120
TOO_MANY = f"An agent can have up to {MOST_FILES} files. Choose fewer, or make a second agent."


class VisibleFiles(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # generic only in the stubs
    """Files to attach. The queryset is fenced when it runs, so it offers what the reader of the page may see."""

    def label_from_instance(self, file: File) -> str:
        """Show the name, and the state of a file that cannot be quoted yet."""
        return file.name if file.status == File.Status.READY else f"{file.name} ({file.get_status_display().lower()})"

    def clean(self, value: Any) -> QuerySet[Any]:
        """Return the chosen files; raise NotVisible when one of them is not there for this reader."""
        if len(value or ()) > MOST_FILES:
            raise forms.ValidationError(TOO_MANY)
        try:
            return super().clean(value)
        except forms.ValidationError as error:
            if error.code in {"invalid_choice", "invalid_pk_value"}:
                # A page offers only what its reader may see. An id from elsewhere was put in by hand, and is answered like
                # any other thing that is not there (L1, L6).
                raise NotVisible.among(value) from error
            raise


class AllowedTools(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # generic only in the stubs
    """Tools that the agent may call."""

    def label_from_instance(self, tool: Tool) -> str:
        """Show whose it is, and whether a person is asked before each call."""
        return f"{tool.server.name}: {tool.name}{'' if tool.rule == Rule.FREE else ' (asks before each call)'}"

    def clean(self, value: Any) -> QuerySet[Any]:
        """Return the chosen tools; raise NotVisible when one of them is not there."""
        if len(value or ()) > MOST_TOOLS:
            raise forms.ValidationError(f"An agent can have up to {MOST_TOOLS} tools. Choose fewer.")
        try:
            return super().clean(value)
        except forms.ValidationError as error:
            if error.code in {"invalid_choice", "invalid_pk_value"}:
                raise NotVisible.among(value) from error
            raise


class StartersField(forms.CharField):
    """Questions, one a line: what is shown as text is kept as a list."""

    def prepare_value(self, value: Any) -> Any:
        """Show a list as lines."""
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        """Return the lines that say something, each once."""
        lines = dict.fromkeys(" ".join(line.split()) for line in super().clean(value).splitlines())
        starters = [line for line in lines if line]
        if len(starters) > MOST_STARTERS:
            raise forms.ValidationError(f"Up to {MOST_STARTERS} questions can be offered. Keep the best ones.")
        if any(len(line) > LONGEST_STARTER for line in starters):
            raise forms.ValidationError(f"A question to start with has up to {LONGEST_STARTER} characters.")
        return starters


class SharingForm(sharing.SharingForm):
    """Who can ask an agent."""

    nobody = "Choose at least one person, or keep the agent to yourself."
    visibility = forms.ChoiceField(
        choices=Visibility.choices, initial=Visibility.PRIVATE, widget=forms.RadioSelect, label="Who can ask it"
    )
    people = PeopleField(
        label="People who can ask it",
        help_text="They can ask it, and not change it. Each gets answers only from files that they may read themselves.",
    )

    @classmethod
    def of(cls, agent: Agent, reader: Tenant) -> SharingForm:
        """Return the form filled with who can ask the agent now."""
        people = agent.shares.values_list("member_id", flat=True)
        return cls(initial={"visibility": agent.visibility, "people": people}, reader=reader)


class AnsweringForm(forms.Form):
    """What of an agent decides its answers: its files, who writes, and how it searches."""

    attached = VisibleFiles(
        queryset=File.objects.exclude(status=File.Status.REFUSED).order_by("name", "id"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Files it answers from",
        help_text="A colleague who asks gets answers only from those files that the colleague may read too.",
    )
    writer = forms.ChoiceField(label="Who writes the answer", required=False)
    tools = AllowedTools(
        queryset=Tool.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Tools it may call",
        help_text="For a language model. A tool is sent what the model writes for it, which can be words of the question and of "
        "the files that the person who asks may read. Where you try the agent beside this form it calls none.",
    )
    temperature = forms.FloatField(
        min_value=0.0,
        max_value=2.0,
        required=False,
        error_messages=not_a_number("Use a number from 0 to 2, or leave it empty."),
        help_text="For a language model: from 0 (always alike) to 2. Empty: as the model does it by itself.",
    )
    max_tokens = forms.IntegerField(
        min_value=16,
        max_value=MOST_TOKENS,
        required=False,
        initial=Agent._meta.get_field("max_tokens").default,
        label="Longest answer, in tokens",
        error_messages=not_a_number(f"Use a whole number from 16 to {MOST_TOKENS:,}."),
        help_text="For a language model. 1,000 tokens are about 750 words.",
    )
    instructions = forms.CharField(
        max_length=8000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="For agents with a language model. The built-in retrieval quotes files and does not read this.",
    )
    refusal_text = forms.CharField(
        max_length=500,
        initial=DEFAULT_REFUSAL,
        label="What it says when the files hold no answer",
        error_messages={"required": "Write what it says when it finds nothing."},
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    retrieval_depth = forms.IntegerField(
        min_value=1,
        max_value=20,
        initial=5,
        label="Passages to look at",
        error_messages=not_a_number("Use a whole number from 1 to 20."),
        help_text="From 1 to 20. Five suits most files.",
    )
    retrieval_threshold = forms.FloatField(
        min_value=0.0,
        max_value=1.0,
        initial=Agent._meta.get_field("retrieval_threshold").default,
        label="How close a passage must be",
        error_messages=not_a_number("Use a number from 0 to 1."),
        help_text="From 0 (answer always) to 1 (never). Below it the agent says that it found no answer. Among many passages "
        "it asks for a little more.",
    )

    def __init__(self, *args: Any, agent: Agent | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["writer"].choices = _writers(agent)  # type: ignore[attr-defined]  # a choice field
        # Also one that may not be called now: saving the form takes nothing away that nobody took away.
        offered = tools.choices() if agent is None else tools.offered_to(agent)
        self.fields["tools"].queryset = offered  # type: ignore[attr-defined]  # a field of rows

    def clean_writer(self) -> tuple[UUID | None, str]:
        """Return provider and model; None and nothing for the built-in retrieval."""
        provider, _, model = self.cleaned_data["writer"].partition(" ")
        if provider == GONE:
            raise forms.ValidationError("The provider that it used was removed. Choose who writes the answer now.")
        return (UUID(provider), model) if provider else (None, "")

    def clean_max_tokens(self) -> int:
        """The usual number stands for an empty one."""
        return int(self.cleaned_data["max_tokens"] or self.fields["max_tokens"].initial)


class AgentForm(AnsweringForm, SharingForm):
    """An agent's own fields and its files."""

    name = forms.CharField(max_length=LONGEST_NAME, error_messages={"required": "Give the agent a name."})
    description = forms.CharField(
        max_length=300, required=False, help_text="One sentence that tells colleagues what to ask it."
    )
    starter_prompts = StartersField(
        max_length=MOST_STARTERS * (LONGEST_STARTER + 2),
        required=False,
        label="Questions to start with",
        help_text=f"Up to {MOST_STARTERS}, one a line. They are shown as buttons where a conversation begins.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def everything(self) -> dict[str, Any]:
        """Return what the services take: the agent's fields, its visibility and the ids of its files."""
        values = dict(self.cleaned_data)
        values["model_provider_id"], values["model"] = values.pop("writer")
        values |= self.chosen()
        values["tool_ids"] = [tool.pk for tool in values.pop("tools")]
        return {"file_ids": [file.pk for file in values.pop("attached")], **values}

    @classmethod
    def beginning(cls, file_id: str, reader: Tenant) -> AgentForm:
        """Return an empty form, with the file of this id chosen and its name as the agent's.

        What is no id, or no file of this reader's, chooses nothing.
        """
        try:
            file = File.objects.filter(pk=UUID(file_id)).first()
        except ValueError:
            file = None
        initial = {"attached": [file.pk], "name": _named_after(file)} if file else {}
        return cls(initial=initial, reader=reader)

    @classmethod
    def of(cls, agent: Agent, reader: Tenant) -> AgentForm:
        """Return the form filled with what the agent is now."""
        elsewhere = ("attached", "writer", "people", "tools")
        initial = {name: getattr(agent, name) for name in cls.base_fields if name not in elsewhere}
        initial["people"] = agent.shares.values_list("member_id", flat=True)
        attached = agent.agent_files.values_list("file_id", flat=True)
        initial["tools"] = agent.agent_tools.values_list("tool_id", flat=True)
        return cls(initial={**initial, "attached": attached, "writer": _writer_of(agent)}, agent=agent, reader=reader)


def _named_after(file: File) -> str:
    """Return what a person would call an agent for this file: "Refund policy" for refund-policy.pdf."""
    words = " ".join(re.split(r"[\s_-]+", file.name.rpartition(".")[0])).strip()[:LONGEST_NAME].strip()
    return words[:1].upper() + words[1:]


def _writer_of(agent: Agent) -> str:
    if agent.provider != Agent.Provider.MODEL:
        return ""
    return f"{agent.model_provider_id} {agent.model}" if agent.model_provider_id else GONE


def _writers(agent: Agent | None) -> list[Any]:
    """Whoever can write: the built-in retrieval, every model of the workspace's providers, and whoever wrote so far."""
    choices: list[Any] = [("", Agent.Provider.BUILTIN.label), *vendors.choices()]
    now = _writer_of(agent) if agent else ""
    known = {value for _, group in choices[1:] for value, _ in group}
    if agent is None or not now or now in known:
        return choices
    return [*choices, (now, "Its provider was removed: choose another" if now == GONE else agent.model)]


class NewAgentForm(AgentForm):
    """The same for an agent that is not there yet: the same form sent twice makes one."""

    submission = SubmissionField()


class DuplicateForm(forms.Form):
    """Nothing to write: only which press of the button this was."""

    submission = SubmissionField()
