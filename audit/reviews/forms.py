"""What do operators choose or write in the queue of refusals?"""

from django import forms

from audit.reviews.models import Resolution, Status
from audit.rules import Severity

DAYS = [("", "The last 7 days"), ("1", "Since yesterday"), ("30", "The last 30 days")]
MINUTES = [(15, "15 minutes"), (60, "An hour"), (24 * 60, "A day"), (7 * 24 * 60, "A week")]


class QueueFilter(forms.Form):
    """Which groups the queue shows, all optional. As a link it can be kept and passed on."""

    status = forms.ChoiceField(label="State", required=False, choices=[("", "Not resolved"), *Status.choices])
    severity = forms.ChoiceField(label="Severity", required=False, choices=[("", "Any"), *Severity.choices])
    days = forms.ChoiceField(label="When", required=False, choices=DAYS)
    mine = forms.BooleanField(label="Only what I took on", required=False)


class NoteForm(forms.Form):
    """Something to write down."""

    text = forms.CharField(
        label="Note",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Write something first.", "max_length": "A note has up to 2,000 characters."},
    )


class ResolveForm(forms.Form):
    """What it was."""

    resolution = forms.ChoiceField(
        label="What it was", choices=Resolution.choices, error_messages={"required": "Choose what it was."}
    )


class BlockForm(forms.Form):
    """For how long an address is turned away."""

    address = forms.GenericIPAddressField(unpack_ipv4=True, widget=forms.HiddenInput)
    minutes = forms.TypedChoiceField(label="Turn this address away for", choices=MINUTES, coerce=int)


class UnblockForm(forms.Form):
    """Which address is let in again."""

    network = forms.CharField(max_length=49, widget=forms.HiddenInput)
