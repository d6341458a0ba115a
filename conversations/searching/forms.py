"""What does somebody look for in their conversations?"""

from __future__ import annotations

from django import forms

from accounts.forms import SearchField
from conversations.searching.queries import LONGEST_SEARCH


class SearchForm(forms.Form):
    """Words, as they were said."""

    q = SearchField("Search in your conversations", longest=LONGEST_SEARCH, placeholder="Words that were said")
