"""How is an export begun, written in the background, and given out?"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.access import has_role
from accounts.counting import count_alone
from accounts.http import Tenant
from accounts.models import Role
from audit import entries, ledger, queries, signals
from audit.exports import formats
from audit.exports.models import LATEST, Export, ExportPart
from audit.models import EntryQuerySet

MOST_ENTRIES: Final = 250_000
BATCH: Final = 2000
MOST_KEPT: Final = 5  # of one member; an older one goes when another is begun
KEPT: Final = timedelta(days=7)


class TooManyEntries(Exception):
    """More entries match than one export holds."""


class StillWriting(Exception):
    """The member has an export under way."""


def begin(*, actor: Tenant, chosen: queries.Chosen, kind: str) -> Export:
    """Order an export of what was chosen; a job writes it. Raises ``TooManyEntries`` or ``StillWriting``."""
    with transaction.atomic():
        count_alone(actor, "exports of the trail")
        own = Export.objects.filter(membership_id=actor.membership_id)
        recent = own.filter(created_at__gte=timezone.now() - LATEST)
        if recent.filter(status__in=[Export.Status.WAITING, Export.Status.WRITING]).exists():
            raise StillWriting
        if queries.trail(chosen)[: MOST_ENTRIES + 1].count() > MOST_ENTRIES:
            raise TooManyEntries
        _let_go(actor)
        export = Export(membership_id=actor.membership_id, format=kind, filters=chosen.stored())
        export.save(force_insert=True)
        detail = {"format": kind, "filters": chosen.names()}
        ledger.post_fact(entries.fact("trail.exported", actor=actor, target=export, detail=detail))
        signals.export_ordered.send(Export, target=export)
    return export


def write(*, actor: Tenant, export_id: UUID) -> None:
    """Write an export that was begun, from its beginning. Nothing happens to one that is ready, or gone meanwhile."""
    export: Export | None = Export.objects.filter(pk=export_id, membership_id=actor.membership_id).first()
    if export is None or not export.is_unfinished:
        return
    if not has_role(actor, Role.ADMIN):
        # Whoever lost the role after asking gets nothing.
        fail(actor=actor, export_id=export_id)
        return
    found = queries.trail(queries.Chosen.of(export.filters)).filter(id__lt=export.pk)
    with transaction.atomic():
        ExportPart.objects.filter(export=export).delete()
        export.total, export.done, export.status = found.count(), 0, Export.Status.WRITING
        export.save(update_fields=["total", "done", "status"])
    _write_parts(export, found)
    export.status, export.finished_at = Export.Status.READY, timezone.now()
    export.save(update_fields=["status", "finished_at"])


def fail(*, actor: Tenant, export_id: UUID) -> None:
    """Say that an export will not be written."""
    Export.objects.filter(pk=export_id, membership_id=actor.membership_id).update(status=Export.Status.FAILED)


def content(*, actor: Tenant, export: Export) -> Iterator[bytes]:
    """The lines of a ready export, for a download that is recorded before its first byte leaves."""
    with transaction.atomic():
        ledger.post_fact(
            entries.fact("trail.export_downloaded", actor=actor, target=export, detail={"entries": export.done})
        )
    return _parts(export)


def _parts(export: Export) -> Iterator[bytes]:
    for position in ExportPart.objects.filter(export=export).order_by("position").values_list("position", flat=True):
        yield gzip.decompress(bytes(ExportPart.objects.get(export=export, position=position).content))


def _write_parts(export: Export, found: EntryQuerySet) -> None:
    """Newest first, some at a time, each with the progress in one transaction. What happens meanwhile is not in it."""
    last, position, writer = None, 0, formats.WRITERS[export.format]
    while True:
        rows = list((found.filter(id__lt=last) if last else found)[:BATCH])
        if not rows and position:
            return
        text = writer(rows, first=position == 0)
        with transaction.atomic():
            ExportPart(export=export, position=position, content=gzip.compress(text.encode())).save(force_insert=True)
            export.done += len(rows)
            export.save(update_fields=["done"])
        if len(rows) < BATCH:
            return
        last, position = rows[-1].pk, position + 1


def _let_go(actor: Tenant) -> None:
    """Delete the member's exports that are old or too many, with their lines (the database does that)."""
    own = Export.objects.filter(membership_id=actor.membership_id)
    kept = list(own.filter(created_at__gte=timezone.now() - KEPT).order_by("-id").values_list("pk", flat=True))
    own.exclude(pk__in=kept[: MOST_KEPT - 1]).delete()
