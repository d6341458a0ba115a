"""What an administrator typed about something outside, a vendor or a server of tools, will not do: how is that told?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django import forms


class Unfit(Exception):
    """It cannot be kept so. `field` is the form's field that it is about; the message is a sentence for people."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@contextmanager
def told_beside(form: forms.Form) -> Iterator[None]:
    """Tell it beside the form's field. Whoever leaves the block at its end finds the form in error."""
    try:
        yield
    except Unfit as unfit:
        form.add_error(unfit.field, str(unfit))
