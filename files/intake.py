"""What becomes of each file of one request, and how is that said?

Wherever files are uploaded, each has a result of its own: one that is refused keeps no other from coming in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse

from accounts.http import Tenant
from files import names, quota, services, storage, uploads
from files.models import File
from files.refusals import DocumentRefused


@dataclass(frozen=True, slots=True)
class Untaken:
    """A file that was not taken in, and why: `status` for HTTP, and the sentence."""

    name: str
    status: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Sorted:
    """What came in, and what did not."""

    taken: list[services.Upload]
    refused: list[Untaken]

    @property
    def sentence(self) -> str:
        """Why files were refused, each by its name where there were several."""
        count = len(self.taken) + len(self.refused)
        told = " ".join(one.sentence if count == 1 else f"“{one.name}”: {one.sentence}" for one in self.refused)
        return f"{len(self.taken)} of {count} files were taken. {told}" if self.taken else told


def take(one: uploads.ReceivedFile, *, actor: Tenant, visibility: str) -> services.Upload | Untaken:
    """Take one file in as the actor's."""
    name = one.name or ""
    try:
        return services.upload(actor=actor, content=one, name=name, visibility=visibility)
    except quota.QuotaReached as full:
        status, sentence = 409, str(full)
    except services.TooManyUnread as many:
        status, sentence = 429, str(many)
    except DocumentRefused as refused:
        status, sentence = 415, str(refused)
    except storage.StorageUnavailable as unavailable:
        status, sentence = unavailable.status, str(unavailable)
    return Untaken(names.display_name(name), status, sentence)


def sorted_out(results: Sequence[services.Upload | Untaken]) -> Sorted:
    """Tell what came in from what did not."""
    return Sorted(
        taken=[one for one in results if isinstance(one, services.Upload)],
        refused=[one for one in results if isinstance(one, Untaken)],
    )


def wants_json(request: HttpRequest) -> bool:
    """Does a script ask, which says each file's result in the file's own row?"""
    return "application/json" in request.headers.get("Accept", "")


def described(file: File, *, is_new: bool) -> dict[str, object]:
    """What such a script is told of a file that is here now."""
    address = reverse("files:detail", args=[file.pk])
    return {"name": file.name, "url": address, "status": file.status, "is_new": is_new}
