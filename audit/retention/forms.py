"""What may an owner choose?"""

from django import forms

from audit.rules import Retention


class RetentionForm(forms.Form):
    """How long entries are kept."""

    keep = forms.ChoiceField(
        label="Keep entries for",
        choices=Retention.choices,
        error_messages={
            "required": "Choose how long entries are kept.",
            "invalid_choice": "The trail can be kept for the times in the list only. Choose one of them.",
        },
    )
