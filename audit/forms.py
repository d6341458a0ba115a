"""What does a reader of the trail want to see?"""

from typing import Any
from uuid import UUID

from django import forms

from accounts.days import DaysForm
from audit.exports.models import Export
from audit.queries import Chosen
from audit.rules import Outcome, Severity, actions_of_a_trail, actions_of_everything


class Filter(DaysForm):
    """Days, and whatever else a filter of the trail asks for."""

    def chosen(self) -> Chosen:
        """The filters of a valid form."""
        return Chosen(**self.cleaned_data)


class TrailFilter(Filter):
    """The filters above a workspace's trail, all optional. ``people`` are the pairs of id and name to choose from."""

    person = forms.TypedChoiceField(label="Person", required=False, coerce=UUID, empty_value=None)
    action = forms.ChoiceField(label="What happened", required=False)
    outcome = forms.ChoiceField(label="Outcome", required=False, choices=[("", "Any"), *Outcome.choices])
    target = forms.CharField(
        label="About (id)",
        required=False,
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"max_length": "An id has at most 64 characters."},
    )
    field_order = ("person", "action", "outcome", "since", "until", "target")

    def __init__(self, *args: Any, people: list[tuple[UUID, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = {"person": [("", "Anybody"), *people], "action": [("", "Anything"), *actions_of_a_trail()]}
        for name, values in choices.items():
            self.fields[name].choices = values  # type: ignore[attr-defined]  # both are choice fields

    def reached(self) -> list[UUID]:
        """The person who was chosen and is not in this workspace, if any: the list offers no such id."""
        if "person" not in self.errors:
            return []
        try:
            return [UUID(self.data.get("person", ""))]
        except ValueError:
            return []


class ExportForm(TrailFilter):
    """What an export holds, and how it is written."""

    format = forms.ChoiceField(label="Format", choices=Export.Format.choices, initial=Export.Format.JSONL)

    def chosen(self) -> Chosen:
        """The filters of a valid form."""
        return Chosen(**{name: value for name, value in self.cleaned_data.items() if name != "format"})


class OperatorFilter(Filter):
    """The filters above the operators' list of every workspace's entries, all optional."""

    severity = forms.ChoiceField(label="Severity", required=False, choices=[("", "Any"), *Severity.choices])
    outcome = forms.ChoiceField(label="Outcome", required=False, choices=[("", "Any"), *Outcome.choices])
    action = forms.ChoiceField(
        label="What happened", required=False, choices=[("", "Anything"), *actions_of_everything()]
    )
    address = forms.GenericIPAddressField(label="From address", required=False, unpack_ipv4=True)
    field_order = ("severity", "outcome", "action", "address", "since", "until")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["address"].error_messages["invalid"] = "Write one IPv4 or IPv6 address, such as 192.0.2.1."
