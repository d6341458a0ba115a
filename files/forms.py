"""What did the person choose or type about files, and can it be used?"""

from typing import Any
from uuid import UUID

from django import forms

from accounts.forms import SearchField
from files.access import MOST_CHOSEN
from files.models import File, Visibility
from files.tags.forms import KNOWN

LONGEST_SEARCH = 300


class UploadForm(forms.Form):
    """Who may read what is being uploaded. The files themselves are counted and kept by `files.uploads`."""

    visibility = forms.ChoiceField(
        label="Who can read it",
        choices=Visibility.choices,
        initial=Visibility.PRIVATE,
        error_messages={
            "required": "Choose who can read the file.",
            "invalid_choice": "Choose “Only you” or “Everyone in the workspace”.",
        },
    )


class VisibilityForm(UploadForm):
    """Who may read a file from now on."""


class Ids(forms.Field):
    """Several ids of one name. What is no id is refused, and not looked up."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> list[UUID]:
        """The ids, in the order in which they were sent."""
        try:
            return [UUID(one) for one in value or []]
        except ValueError as error:
            raise forms.ValidationError("One of these is no file. Go back to the list and choose again.") from error

    def validate(self, value: list[UUID]) -> None:
        """At least one, and no more than a request can answer for in a few seconds."""
        super().validate(value)
        if len(value) > MOST_CHOSEN:
            raise forms.ValidationError(f"Choose at most {MOST_CHOSEN} files at once.")


class ChosenForm(forms.Form):
    """Which files of the list were chosen. Whether they are there, and whose they are, is asked by `files.access`."""

    file = Ids(error_messages={"required": "Choose the files first, with the boxes before their names."})


class ListForm(forms.Form):
    """Which files of the list to show."""

    q = SearchField("Name contains", longest=LONGEST_SEARCH)
    status = forms.ChoiceField(label="Status", required=False, choices=[("", "Any status"), *File.Status.choices])
    # Of any length and letters: what is no tag is one that no file has.
    tag = forms.CharField(
        label="Tag", required=False, widget=forms.TextInput(attrs={"list": KNOWN, "autocomplete": "off"})
    )


class SearchForm(forms.Form):
    """What to look for in all files."""

    q = SearchField("Search in files", longest=LONGEST_SEARCH, placeholder="Words or a question")


class QuoteForm(forms.Form):
    """Which characters of a passage a citation quotes, and in which answer; without them the whole passage is meant.

    Conversation and answer are only where a link leads back to: whether they exist, and whose they are, is asked over there.
    """

    start = forms.IntegerField(required=False, min_value=0, max_value=100_000)
    end = forms.IntegerField(required=False, min_value=0, max_value=100_000)
    conversation = forms.UUIDField(required=False)
    answer = forms.UUIDField(required=False)
