"""Do the forms speak in our own words, whatever somebody types into them?"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from django import forms

FLOORS = ("accounts", "files", "agents", "conversations", "audit", "aiaxis")
DJANGOS_OWN = ("This field", "Ensure", "Enter a")
# What a link of ours carries, and nobody types.
NOT_TYPED = {"QuoteForm", "PlaceForm"}


def every_form() -> Iterator[type[forms.Form]]:
    for floor in FLOORS:
        package = importlib.import_module(floor)
        for module in pkgutil.walk_packages(package.__path__, f"{floor}."):
            if module.name.endswith("forms"):
                for one in vars(importlib.import_module(module.name)).values():
                    if isinstance(one, type) and issubclass(one, forms.Form) and one.__module__ == module.name:
                        yield one


def test_a_number_that_cannot_be_used_is_refused_with_its_bounds() -> None:
    """A framework's sentence, such as "Ensure this value is less than or equal to 20.", is not ours."""
    found, asked = [], 0
    for form in every_form():
        if form.__name__ in NOT_TYPED:
            continue
        for name, field in form.base_fields.items():
            if not isinstance(field, forms.IntegerField) or isinstance(field.widget, forms.HiddenInput):
                continue
            asked += 1
            for typed in ("", "many", "-1", "1e40", str(10**40), "0.12345678"):
                try:
                    field.clean(typed)
                except forms.ValidationError as refusal:
                    found += [f"{form.__name__}.{name}: {words}" for words in refusal.messages]
    assert asked > 5
    assert [words for words in found if words.partition(": ")[2].startswith(DJANGOS_OWN)] == []
