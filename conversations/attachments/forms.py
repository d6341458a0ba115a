"""What do people choose about the files of a conversation, as clean values?"""

from __future__ import annotations

from django import forms

from accounts.forms import SearchField
from files.forms import LONGEST_SEARCH, UploadForm
from files.models import Visibility


class AttachedUploadForm(UploadForm):
    """Who may read what is uploaded here: its owner alone, unless the form says otherwise."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed through unchanged
        self.fields["visibility"].required = False

    def clean_visibility(self) -> str:
        """Private is what nobody has to choose."""
        return self.cleaned_data["visibility"] or Visibility.PRIVATE


class NameForm(forms.Form):
    """Which files are offered."""

    q = SearchField("Name contains", longest=LONGEST_SEARCH)


class StayForm(forms.Form):
    """Whether whoever removes a file goes on with the others."""

    stay = forms.BooleanField(required=False)
