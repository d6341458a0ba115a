"""Where does somebody want to hear of what, in words that a form can take?"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms

from accounts.forms import not_a_number
from audit.notices.models import WORKSPACE_KINDS, Kind
from audit.reasons import REASONS
from audit.rules import Outcome, Severity, actions_of_a_trail, actions_of_everything

_LEAST = [(value, f"{label} and above" if value != "critical" else label) for value, label in Severity.choices]
_MANY = forms.CheckboxSelectMultiple


class _ChannelForm(forms.Form):
    """What every new channel asks."""

    name = forms.CharField(
        label="Name",
        max_length=80,
        help_text="For example: on call. You will recognise the channel by it.",
        error_messages={"required": "Give the channel a name.", "max_length": "Use at most 80 characters."},
    )
    kind = forms.ChoiceField(label="How", choices=WORKSPACE_KINDS, initial=Kind.WEBHOOK)
    address = forms.CharField(
        label="Address of the webhook",
        required=False,
        max_length=2000,
        help_text="For a webhook or a chat. It begins with https://, and is not shown again.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "url", "spellcheck": "false"}),
        error_messages={"max_length": "An address has at most 2,000 characters here."},
    )
    least = forms.ChoiceField(label="From which severity on", choices=_LEAST, initial=Severity.WARNING)

    def clean(self) -> dict[str, Any]:
        """A webhook needs its address; a mail its reader."""
        values = super().clean() or {}
        if (
            values.get("kind") in (Kind.WEBHOOK, Kind.SLACK, Kind.SENTRY)
            and not values.get("address")
            and "address" not in self.errors
        ):
            self.add_error("address", "Enter the address that the messages are to go to.")
        return values


class ChannelForm(_ChannelForm):
    """A workspace's own channel. ``readers`` are those who may read the trail: a mail goes to one of them."""

    reader = forms.TypedChoiceField(
        label="Who gets the mails",
        required=False,
        coerce=UUID,
        empty_value=None,
        help_text="For e-mail: one who may read the trail.",
    )
    events = forms.MultipleChoiceField(
        label="Only these events",
        required=False,
        widget=_MANY,
        help_text="Of these, only what has the severity chosen above. Choose none to hear of all that has it.",
    )
    field_order = ("name", "kind", "address", "reader", "least", "events")

    def __init__(self, *args: Any, readers: list[tuple[UUID, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.readers = dict(readers)
        self.fields["reader"].choices = [("", "Nobody"), *readers]  # type: ignore[attr-defined]  # a choice field
        flat = [choice for _, choices in actions_of_a_trail() for choice in choices]
        self.fields["events"].choices = flat  # type: ignore[attr-defined]  # as above
        self.fields["reader"].error_messages["invalid_choice"] = "Choose somebody from the list."

    def clean(self) -> dict[str, Any]:
        """A mail needs its reader."""
        values = super().clean()
        if values.get("kind") == Kind.EMAIL and not values.get("reader") and "reader" not in self.errors:
            self.add_error("reader", "Choose who is to get the mails.")
        return values

    def chosen(self) -> dict[str, Any]:
        """What a valid form asks of ``services.add``."""
        values = self.cleaned_data
        is_mail = values["kind"] == Kind.EMAIL
        return {
            "name": values["name"],
            "kind": values["kind"],
            "address": "" if is_mail else values["address"],
            "reader": values["reader"] if is_mail else None,
            "reader_shown": self.readers.get(values["reader"], "") if is_mail else "",
            "least": values["least"],
            "actions": values["events"],
        }


class OperatorChannelForm(_ChannelForm):
    """A channel of the operators."""

    kind = forms.ChoiceField(label="How", choices=Kind.choices, initial=Kind.WEBHOOK)
    email = forms.EmailField(
        label="E-mail address",
        required=False,
        max_length=254,
        help_text="For e-mail.",
        error_messages={"invalid": "This is not an e-mail address. It looks like name@company.com."},
    )
    heartbeat = forms.BooleanField(
        label="Sign of life every hour",
        required=False,
        help_text="For programs that watch for its absence. People stop reading such mails.",
    )
    field_order = ("name", "kind", "address", "email", "least", "heartbeat")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["address"].label = "Address of the webhook, or DSN"
        self.fields[
            "address"
        ].help_text = (
            "For a webhook, a chat or Sentry (the DSN of a project). It begins with https://, and is not shown again."
        )

    def clean(self) -> dict[str, Any]:
        """A mail needs its address."""
        values = super().clean()
        if values.get("kind") == Kind.EMAIL and not values.get("email") and "email" not in self.errors:
            self.add_error("email", "Enter the address that the mails are to go to.")
        return values

    def chosen(self) -> dict[str, Any]:
        """What a valid form asks of ``operating.add_channel``."""
        values = self.cleaned_data
        address = values["email"] if values["kind"] == Kind.EMAIL else values["address"]
        wanted = {name: values[name] for name in ("name", "kind", "least", "heartbeat")}
        return {**wanted, "address": address}


class RuleForm(forms.Form):
    """Which entries operators hear of, and how severe that is."""

    name = forms.CharField(label="Name", max_length=120, error_messages={"required": "Give the rule a name."})
    position = forms.IntegerField(
        label="Place",
        min_value=0,
        max_value=9999,
        initial=80,
        help_text="The first rule that fits an entry takes it.",
        error_messages=not_a_number("Use a whole number from 0 to 9,999."),
    )
    severity = forms.ChoiceField(
        label="How severe it is",
        required=False,
        choices=[*Severity.choices, ("", "Nobody is told")],
        initial=Severity.WARNING,
    )
    per_minute = forms.IntegerField(
        label="Only when there are so many in a minute",
        min_value=0,
        max_value=1_000_000,
        error_messages=not_a_number("Use a whole number from 0 to 1,000,000."),
        initial=0,
        help_text="0: each kind by itself, at once.",
    )
    is_on = forms.BooleanField(label="In use", required=False, initial=True)
    route = forms.CharField(
        label="Only at addresses that begin with", required=False, max_length=64, help_text="For example /operator/."
    )
    outcomes = forms.MultipleChoiceField(
        label="Only with these outcomes", required=False, choices=Outcome.choices, widget=_MANY
    )
    severities = forms.MultipleChoiceField(
        label="Only of these severities", required=False, choices=Severity.choices, widget=_MANY
    )
    reasons = forms.MultipleChoiceField(
        label="Only for these reasons",
        required=False,
        choices=[(name, words) for name, words in REASONS.items() if name],
        widget=_MANY,
    )
    actions = forms.MultipleChoiceField(
        label="Only these actions",
        required=False,
        choices=[choice for _, choices in actions_of_everything() for choice in choices],
        widget=_MANY,
    )
