"""What does somebody look for in their conversations?"""

from __future__ import annotations

from django import forms

from conversations.searching.queries import LONGEST_SEARCH


class SearchForm(forms.Form):
    """Words, as they were said."""

    q = forms.CharField(
        label="Search in your conversations",
        required=False,
        max_length=LONGEST_SEARCH,
        widget=forms.TextInput(
            attrs={
                "type": "search",
                "autocomplete": "off",
                "data-search-box": True,
                "placeholder": "Words that were said",
            }
        ),
        error_messages={"max_length": f"Use at most {LONGEST_SEARCH} characters."},
    )
