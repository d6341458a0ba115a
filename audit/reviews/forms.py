"""What do operators choose or write in the queue of refusals?"""

from __future__ import annotations

from collections.abc import Mapping

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
    """Which address is turned away, and for how long."""

    address = forms.GenericIPAddressField(label="Address", unpack_ipv4=True, widget=forms.HiddenInput)
    minutes = forms.TypedChoiceField(label="Turn this address away for", choices=MINUTES, coerce=int)

    @classmethod
    def choosing(cls, seen: Mapping[str, int], *, first: str) -> BlockForm:
        """To choose one of the addresses ``seen``, each with its number of refusals; ``first`` is chosen already."""
        form = cls(initial={"address": first if first in seen else next(iter(seen))})
        if len(seen) > 1:
            named = [(one, f"{one} ({count:,} time{'' if count == 1 else 's'})") for one, count in seen.items()]
            form.fields["address"].widget = forms.Select(choices=named)
        return form


class UnblockForm(forms.Form):
    """Which address is let in again."""

    network = forms.CharField(max_length=49, widget=forms.HiddenInput)
