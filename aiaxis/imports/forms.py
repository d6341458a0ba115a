"""What does an owner say about an export that they bring?"""

from __future__ import annotations

import re

from django import forms

from aiaxis.exports import fingerprints

_HEX = re.compile(f"[0-9a-f]{{{fingerprints.LETTERS}}}")


class ImportForm(forms.Form):
    """Who must have signed it. The file itself is counted and kept by `files.uploads`."""

    fingerprint = forms.CharField(
        label="Fingerprint of the other installation",
        required=False,
        max_length=100,
        help_text="It stands on the page Export there. Leave it empty for an export of this installation.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={
            "max_length": "A fingerprint is 8 groups of 4 letters and digits. Copy it from the page Export."
        },
    )

    def clean_fingerprint(self) -> str:
        """Return it as it compares."""
        typed = fingerprints.typed(self.cleaned_data["fingerprint"])
        if typed and not _HEX.fullmatch(typed):
            raise forms.ValidationError(
                "A fingerprint is 8 groups of 4 letters and digits. Copy it from the page Export of the other installation."
            )
        return typed
