"""What does the identity store know of people and credentials that are no more, and how is it forgotten?

Asked by whoever erases a workspace. An outside provider keeps its own record of people; what it ever told us goes here.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from accounts.identity import providers
from accounts.identity.store.models import (
    IDENTITY_DATABASE,
    Account,
    StoreKey,
    StoreSession,
    VendorKey,
    VendorSession,
    account_id,
)


def forget(subjects: Sequence[tuple[str, str]], *, sessions: Sequence[str], keys: Sequence[str]) -> None:
    """Remove the accounts of these (provider, subject), and these sessions and keys of whomever. Safe to repeat."""
    own = [account_id(subject) for provider, subject in subjects if provider == providers.LOCAL.name]
    theirs = [subject for provider, subject in subjects if provider != providers.LOCAL.name]
    with transaction.atomic(using=IDENTITY_DATABASE):
        # Second factors, recovery codes, mailed links and letters that wait go with their account.
        Account.objects.filter(pk__in=own).delete()
        StoreSession.objects.filter(pk__in=_ids(sessions)).delete()
        StoreKey.objects.filter(pk__in=_ids(keys)).delete()
        VendorSession.objects.filter(subject__in=theirs).delete()
        VendorSession.objects.filter(pk__in=_ids(sessions)).delete()
        VendorKey.objects.filter(subject__in=theirs).delete()
        VendorKey.objects.filter(pk__in=list(keys)).delete()


def _ids(references: Sequence[str]) -> list[UUID]:
    return [account_id(reference) for reference in references]
