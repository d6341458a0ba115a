"""What do people write about an agent, as clean values?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet

from accounts.http import NotVisible
from accounts.submissions import SubmissionField
from agents.models import DEFAULT_REFUSAL, MOST_FILES, Agent
from files.models import File, Visibility

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
                raise NotVisible(_ids(value)) from error
            raise


class AgentForm(forms.Form):
    """An agent's own fields and its files."""

    name = forms.CharField(max_length=120, error_messages={"required": "Give the agent a name."})
    description = forms.CharField(
        max_length=300, required=False, help_text="One sentence that tells colleagues what to ask it."
    )
    attached = VisibleFiles(
        queryset=File.objects.exclude(status=File.Status.REFUSED).order_by("name", "id"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Files it answers from",
        help_text="A colleague who asks gets answers only from those files that the colleague may read too.",
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
    visibility = forms.ChoiceField(
        choices=Visibility.choices, initial=Visibility.PRIVATE, widget=forms.RadioSelect, label="Who can ask it"
    )
    retrieval_depth = forms.IntegerField(
        min_value=1,
        max_value=20,
        initial=5,
        label="Passages to look at",
        help_text="From 1 to 20. Five suits most files.",
    )
    retrieval_threshold = forms.FloatField(
        min_value=0.0,
        max_value=1.0,
        initial=Agent._meta.get_field("retrieval_threshold").default,
        label="How close a passage must be",
        help_text="From 0 (answer always) to 1 (never). Below it the agent says that it found no answer. Among many passages "
        "it asks for a little more.",
    )

    def everything(self) -> dict[str, Any]:
        """Return what the services take: the agent's fields, its visibility and the ids of its files."""
        values = dict(self.cleaned_data)
        return {"file_ids": [file.pk for file in values.pop("attached")], **values}

    @classmethod
    def beginning(cls, file_id: str) -> AgentForm:
        """Return an empty form, with the file of this id chosen; what is no id, or no file of this reader's, chooses nothing."""
        try:
            return cls(initial={"attached": [UUID(file_id)]})
        except ValueError:
            return cls()

    @classmethod
    def of(cls, agent: Agent) -> AgentForm:
        """Return the form filled with what the agent is now."""
        initial = {name: getattr(agent, name) for name in cls.base_fields if name != "attached"}
        return cls(initial={**initial, "attached": agent.agent_files.values_list("file_id", flat=True)})


class NewAgentForm(AgentForm):
    """The same for an agent that is not there yet: the same form sent twice makes one."""

    submission = SubmissionField()


class DuplicateForm(forms.Form):
    """Nothing to write: only which press of the button this was."""

    submission = SubmissionField()


def _ids(values: Iterable[object]) -> Iterator[UUID]:
    """Those of the values that are ids; whatever else was sent names nothing."""
    for value in values:
        with suppress(ValueError):
            yield UUID(str(value))
