"""What do operators look for, and what do they say when they close a workspace?"""

from __future__ import annotations

from django import forms

from accounts.forms import SearchField
from accounts.models import Workspace

_BOUNDS = {"min_value": "Use 0 or more.", "max_value": "Use at most %(limit_value)s."}


class PeopleFilter(forms.Form):
    """A person's address or name, or a part of it."""

    q = SearchField("Address or name")


class WorkspaceFilter(forms.Form):
    """A workspace's name, or a part of it, and its state."""

    q = SearchField("Name")
    status = forms.ChoiceField(label="State", required=False, choices=[("", "Any"), *Workspace.Status.choices])


class ReasonForm(forms.Form):
    """Why the doors are closed: the workspace's owners read it in their trail."""

    reason = forms.CharField(
        label="Reason",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="It stands in the workspace’s own trail, where its owners read it.",
        error_messages={"required": "Say why.", "max_length": "A reason has up to 300 characters."},
    )


class QuotaForm(ReasonForm):
    """The same for how much it may keep; left empty, it is as much as the installation's settings say."""

    most_megabytes = forms.IntegerField(
        label="Megabytes",
        required=False,
        min_value=0,
        max_value=100_000_000,
        error_messages={"invalid": "Use a whole number of megabytes.", **_BOUNDS},
    )
    most_files = forms.IntegerField(
        label="Files",
        required=False,
        min_value=0,
        max_value=10_000_000,
        error_messages={"invalid": "Use a whole number of files.", **_BOUNDS},
    )
    field_order = ("most_megabytes", "most_files", "reason")


class NameForm(ReasonForm):
    """The same for closing it for good, with the name typed, so that no click does it."""

    name = forms.CharField(
        label="The workspace’s name, to confirm",
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": "Type the workspace’s name."},
    )

    def __init__(self, *args: object, workspace: str, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # Django's own, handed on
        self._workspace = workspace

    def clean_name(self) -> str:
        """The very name, so that it is not the workspace of the tab beside this one."""
        name = str(self.cleaned_data["name"])
        if name.strip() != self._workspace:
            raise forms.ValidationError(
                "This is not the workspace’s name. Type it as it stands at the top of the page."
            )
        return name
