"""Which answer belongs to an Idempotency-Key, and until when?

Built on `accounts.submissions`: the row is the one thing that the same submit makes, and what the request itself makes carries a
name of its own there, so that a process that is killed between the two still makes nothing twice.
"""

from __future__ import annotations

import hashlib
from typing import Final

from django.db import connections
from django.http import HttpRequest
from django.utils import timezone

from accounts.http import Tenant
from accounts.pseudonyms import pseudonym
from accounts.repeats.models import KEPT, KILLED_AFTER, Repeat
from accounts.services.erasing import OWNER
from accounts.submissions import insert_once

_SWEEP: Final = "DELETE FROM accounts_repeat WHERE created_at < %s"
_CHUNK: Final = 64 * 1024


class AtWork(Exception):
    """The first request under this key has no answer yet."""


class KeyReused(Exception):
    """The key came before, with another request."""


def first(request: HttpRequest, key: str, *, actor: Tenant) -> tuple[Repeat, bool]:
    """The row of this request, and whether it is the first. Raises `AtWork` and `KeyReused`."""
    row = Repeat(
        owner_id=actor.membership_id,
        # Of this API key alone: another one of the same member may be allowed less.
        submission=pseudonym("repeat", str(actor.credential_id), key),
        fingerprint=_fingerprint(request),
    )
    earlier = insert_once(row)
    if earlier is None:
        return row, True
    if earlier.fingerprint != row.fingerprint:
        raise KeyReused
    if earlier.status is not None:
        return earlier, False
    killed = Repeat.objects.filter(pk=earlier.pk, status=None, created_at__lt=timezone.now() - KILLED_AFTER)
    if not killed.update(created_at=timezone.now()):
        raise AtWork
    return earlier, True


def answered(row: Repeat, status: int, body: str) -> None:
    """Keep what was answered, for whoever asks again."""
    Repeat.objects.filter(pk=row.pk).update(status=status, body=body)


def forget(row: Repeat) -> None:
    """The request was refused or failed, so that nothing came of it: the same one may be tried again."""
    Repeat.objects.filter(pk=row.pk).delete()


def sweep() -> int:
    """Delete answers that are older than a day, of whatever workspace; returns how many."""
    with connections[OWNER].cursor() as cursor:
        cursor.execute(_SWEEP, [timezone.now() - KEPT])
        gone: int = cursor.rowcount
    return gone


def _fingerprint(request: HttpRequest) -> str:
    digest = hashlib.sha256(f"{request.get_full_path()}\n{request.content_type}\n".encode())
    if request.content_type != "multipart/form-data":
        digest.update(request.body)
        return digest.hexdigest()
    for name, value in sorted(request.POST.items()):
        digest.update(f"{name}={value}\n".encode())
    for name, file in sorted(request.FILES.items()):
        digest.update(f"{name}={getattr(file, 'name', '')}\n".encode())
        file.seek(0)  # type: ignore[union-attr]  # one file a name; the API declares no lists
        while chunk := file.read(_CHUNK):  # type: ignore[union-attr]  # as above
            digest.update(chunk)
        file.seek(0)  # type: ignore[union-attr]  # as above
    return digest.hexdigest()
