"""From which day to which does a reader want to see?"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError

EARLIEST: Final = date(2000, 1, 1)
LATEST: Final = date(2199, 12, 31)


class DaysForm(forms.Form):
    """From which day to which, in UTC, both included."""

    since = forms.DateField(label="From (UTC)", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="To (UTC)", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.error_messages["invalid_choice"] = "Choose one from the list."
        for name in ("since", "until"):
            self.fields[name].error_messages["invalid"] = "Write the day as year-month-day, such as 2026-11-23."

    def clean(self) -> dict[str, Any]:
        """Days that nothing can have are refused before they reach the database, and so is an end before the start."""
        values = super().clean() or {}
        since, until = values.get("since"), values.get("until")
        for name, day in (("since", since), ("until", until)):
            if day is not None and not EARLIEST <= day <= LATEST:
                self.add_error(name, f"Choose a day between {EARLIEST:%Y} and {LATEST:%Y}.")
        if since and until and until < since:
            raise ValidationError({"until": "This day is before the first one. Choose a later day."})
        return values
