"""Whom does the owner of a conversation let read it?"""

from __future__ import annotations

from django import forms

from accounts import sharing
from accounts.http import Tenant
from accounts.sharing import PeopleField
from agents.models import Visibility
from conversations.models import Conversation


class SharingForm(sharing.SharingForm):
    """Who can read a conversation."""

    nobody = "Choose at least one person, or keep the conversation to yourself."
    visibility = forms.ChoiceField(
        choices=Visibility.choices, initial=Visibility.PRIVATE, widget=forms.RadioSelect, label="Who can read it"
    )
    people = PeopleField(label="People who can read it", help_text="They can read it, and nothing else.")

    @classmethod
    def of(cls, conversation: Conversation, reader: Tenant) -> SharingForm:
        """Return the form filled with who can read the conversation now."""
        people = conversation.shares.values_list("member_id", flat=True)
        return cls(initial={"visibility": conversation.visibility, "people": people}, reader=reader)
