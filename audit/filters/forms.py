"""Under which name are which filters to be kept?"""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import urlencode

from django import forms
from django.http import QueryDict

from audit.filters.models import LONGEST_NAME, LONGEST_QUERY

Filters = TypeVar("Filters", bound=forms.Form)


class SaveForm(forms.Form):
    """A name for what stands in the address of the page on which it was typed."""

    name = forms.CharField(
        label="Name",
        max_length=LONGEST_NAME,
        error_messages={
            "required": "Give the filters a name.",
            "max_length": f"A name has up to {LONGEST_NAME} characters.",
        },
    )
    query = forms.CharField(max_length=4 * LONGEST_QUERY, required=False)

    def chosen(self, of: type[Filters], **arguments: Any) -> Filters:
        """The filters of a valid form, as the page's own form ``of`` reads them."""
        return of(QueryDict(self.cleaned_data["query"]), **arguments)


def encoded(form: forms.Form) -> str:
    """The filters that are set on a page, as its address carries them, and nothing else; "" when one cannot be used."""
    found = urlencode([(name, form.data[name]) for name in form.fields if form.data.get(name)])
    return found if form.is_valid() and len(found) <= LONGEST_QUERY else ""
