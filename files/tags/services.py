"""How does a file get its tags, and lose them?

Three verbs and one way in which the rows change: what there is, what there shall be, and one record of the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.db import transaction
from django.http import Http404

from accounts.http import Tenant
from files import signals
from files.models import MOST_TAGS, File, FileTag
from files.tags import words

# Names of tags, by their keys.
Tags = dict[str, str]


class TooManyTags(Exception):
    """The file would have more tags than one may have. The message is a sentence for people."""


def add(*, actor: Tenant, file: File, names: Iterable[str]) -> None:
    """Give the file these tags besides its own. One that it has already stays spelled as it is.

    Raises `TooManyTags`, `words.NoTag`, and `Http404` for a file that was deleted meanwhile.
    """
    wanted = words.keyed(names)
    _change(actor, file, lambda present: {**wanted, **present})


def remove(*, actor: Tenant, file: File, names: Iterable[str]) -> None:
    """Take these tags from the file; those that it does not have are gone already. Raises as `add` does."""
    unwanted = words.keyed(names)
    _change(actor, file, lambda present: {key: name for key, name in present.items() if key not in unwanted})


def replace(*, actor: Tenant, file: File, names: Iterable[str]) -> None:
    """Give the file exactly these tags, spelled like this. Raises as `add` does."""
    wanted = words.keyed(names)
    _change(actor, file, lambda _: wanted)


def for_each(verb: Callable[..., None], *, actor: Tenant, files: list[File], **given: Any) -> int:
    """Do this with each of several files, with a record for each; returns for how many it is so now. The others stay as they are."""
    done = 0
    for file in files:
        try:
            verb(actor=actor, file=file, **given)
            done += 1
        except (TooManyTags, Http404):
            # It has as many as it may, or somebody deleted it meanwhile.
            continue
    return done


def _change(actor: Tenant, file: File, change: Callable[[Tags], Tags]) -> None:
    with transaction.atomic():
        # Two at once are counted one after the other. The lock is a write to the policies: nobody else's file is found.
        if not File.objects.select_for_update().filter(pk=file.pk).exists():
            raise Http404
        present: Tags = dict(FileTag.objects.filter(file=file).values_list("key", "name"))
        wanted = change(present)
        if len(wanted) > MOST_TAGS and not wanted.keys() <= present.keys():
            raise TooManyTags(f"A file has at most {MOST_TAGS} tags. Remove one first.")
        gone = [key for key, name in present.items() if wanted.get(key) != name]
        fresh = [FileTag(file=file, key=key, name=name) for key, name in wanted.items() if present.get(key) != name]
        if gone or fresh:
            FileTag.objects.filter(file=file, key__in=gone).delete()
            FileTag.objects.bulk_create(fresh)
            signals.file_tagged.send(sender=File, actor=actor, target=file, added=len(fresh), removed=len(gone))
