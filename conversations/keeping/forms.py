"""What may an owner choose?"""

from __future__ import annotations

from typing import Any, Final

from django import forms

TIMES: Final = [
    ("", "For ever"),
    ("30", "30 days after the last use"),
    ("90", "90 days after the last use"),
    ("180", "180 days after the last use"),
    ("365", "1 year after the last use"),
    ("730", "2 years after the last use"),
]
_WRONG: Final = {"invalid_choice": "Choose one of the times in the list."}


class KeepingForm(forms.Form):
    """How long what nobody uses is kept."""

    conversation_days = forms.TypedChoiceField(
        label="Keep conversations",
        choices=TIMES,
        required=False,
        coerce=int,
        empty_value=None,
        error_messages=_WRONG,
        help_text="Used: begun, renamed, or asked something.",
    )
    file_days = forms.TypedChoiceField(
        label="Keep files",
        choices=TIMES,
        required=False,
        coerce=int,
        empty_value=None,
        error_messages=_WRONG,
        help_text="Used: uploaded, opened, downloaded, or read by an agent for an answer.",
    )

    def chosen(self) -> dict[str, Any]:
        """Days for each, or None for ever; of a valid form."""
        return {"conversations": self.cleaned_data["conversation_days"], "files": self.cleaned_data["file_days"]}
