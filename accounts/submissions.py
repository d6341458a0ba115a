"""How does the same submit, sent twice, make one thing?

A double click where no script runs, a reload, a program that repeats what it got no answer to: each sends the same content with
the same mark of the page or the same Idempotency-Key. What that makes is stored under a name that is unique in its table, so
that of two which arrive at once the second waits for the first, and finds what that one made.
"""

from __future__ import annotations

import json
import secrets
from typing import Any, TypeVar

from django import forms
from django.db import IntegrityError, transaction

from accounts.http import Tenant
from accounts.pseudonyms import pseudonym
from accounts.tenancy.models import WorkspaceModel

Row = TypeVar("Row", bound=WorkspaceModel)

LONGEST_KEY = 80


def submission_name(actor: Tenant, key: str | None, *content: Any) -> str | None:
    """The name under which what `actor` sends with this key makes one thing; None without a key: nothing is ever the same then.

    The content is part of it: a form that was brought back, changed and sent again is another submit.
    """
    if not key:
        return None
    return pseudonym("submission", str(actor.membership_id), json.dumps([key, *content], sort_keys=True, default=str))


def insert_once(row: Row) -> Row | None:
    """Insert this row, whose `submission` is its name, and return None; or return the one that the same submit made already.

    That one may be at work at this moment: then this waits for it.
    """
    model = type(row)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        name: str | None = row.submission  # type: ignore[attr-defined]  # every table whose rows are made once has it
        earlier: Row | None = model.objects.filter(submission=name).first() if name else None
        if earlier is None:
            raise
        return earlier
    return None


class SubmissionField(forms.CharField):
    """The page's own mark for one submit; what carries none, or nonsense, makes a new thing each time."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            max_length=LONGEST_KEY, required=False, widget=forms.HiddenInput, initial=new_submission, **options
        )


def new_submission() -> str:
    """Return a mark that no other page has."""
    return secrets.token_urlsafe(12)
