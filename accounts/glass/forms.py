"""What does an operator have to say before the glass is broken?"""

from __future__ import annotations

from django import forms

from accounts.glass.models import Visit


class AskForm(forms.Form):
    """Why, under which ticket, and for how long. The workspace is in the address."""

    reason = forms.CharField(
        label="Reason",
        min_length=12,
        max_length=240,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="A sentence. The workspace’s owners read it, in a mail and in their trail.",
        error_messages={
            "required": "Say in a sentence why you have to look.",
            "min_length": "Say it in a whole sentence, so that the owners understand it.",
            "max_length": "Say it in up to 240 characters.",
        },
    )
    ticket = forms.CharField(
        label="Ticket",
        max_length=60,
        help_text="The number under which this is being dealt with.",
        error_messages={"required": "Name the ticket.", "max_length": "A ticket has up to 60 characters."},
    )
    minutes = forms.TypedChoiceField(
        label="For how long",
        choices=Visit.Minutes.choices,
        coerce=int,
        initial=15,
        error_messages={"required": "Choose."},
    )


class PlaceForm(forms.Form):
    """Which workspaces the page of visits offers."""

    q = forms.CharField(label="Find a workspace", max_length=80, required=False, strip=True)
