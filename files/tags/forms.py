"""Which tags did the person type?"""

from __future__ import annotations

from django import forms

from files.models import LONGEST_TAG, MOST_TAGS
from files.tags import words

# The list of those in use (`files/_known_tags.html`), which a browser offers while one types.
KNOWN = "known-tags"


class TagsForm(forms.Form):
    """One tag or several, with commas between them."""

    tags = forms.CharField(
        label="Add tags",
        max_length=(LONGEST_TAG + 2) * MOST_TAGS,
        error_messages={
            "required": "Type a tag first, such as “contracts”.",
            "max_length": f"These are too many at once: a file has at most {MOST_TAGS} tags.",
        },
        # The example says where the commas go.
        widget=forms.TextInput(attrs={"list": KNOWN, "autocomplete": "off", "placeholder": "contracts, 2026"}),
    )

    def clean_tags(self) -> list[str]:
        """The tags, each once."""
        try:
            names = words.typed(self.cleaned_data["tags"])
        except words.NoTag as error:
            raise forms.ValidationError(str(error)) from error
        if not names:
            raise forms.ValidationError(self.fields["tags"].error_messages["required"])
        return names
