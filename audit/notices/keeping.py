"""What is done for notifications though nothing happened: signs of life, a look at the pipeline, and tidying up."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import connections, transaction
from django.utils import timezone

from audit import entries, health, ledger, services
from audit.notices import outbox
from audit.notices.models import Message
from audit.rules import Severity

HEARTBEAT: Final = timedelta(hours=1)
REMIND: Final = timedelta(minutes=15)
_DUE: Final = (
    "SELECT c.id FROM audit_operatorchannel c LEFT JOIN audit_channelstate s ON s.channel_id = c.id "
    "WHERE c.heartbeat AND NOT c.is_paused AND (s.heartbeat_at IS NULL OR s.heartbeat_at NOT BETWEEN %s AND %s) "
    "AND NOT EXISTS (SELECT 1 FROM audit_message m WHERE m.channel_id = c.id AND m.state = 'waiting' AND m.kind = 'heartbeat')"
)
_BEATEN: Final = (
    "INSERT INTO audit_channelstate (channel_id, tokens, filled_at, failures, answer, heartbeat_at) "
    "VALUES (%s, %s, %s, 0, '', %s) ON CONFLICT (channel_id) DO UPDATE SET heartbeat_at = EXCLUDED.heartbeat_at"
)
# What was said of the pipeline last, and when: said once, and again while it lasts.
_said: list[tuple[tuple[str, ...], datetime]] = []


def beat() -> int:
    """Put a sign of life into the outbox for each channel that is to have one and had none for an hour; return how many."""
    now = timezone.now()
    with transaction.atomic(using=outbox.DATABASE), connections[outbox.DATABASE].cursor() as cursor:
        cursor.execute(_DUE, [now - HEARTBEAT, now])
        due = [channel for (channel,) in cursor.fetchall()]
        outbox.put(cursor, [outbox.letter(one, Message.Kind.HEARTBEAT, Severity.INFO, now) for one in due])
        for one in due:
            cursor.execute(_BEATEN, [one, outbox.BUCKET, now, now])
    return len(due)


def watch() -> list[str]:
    """Put what is wrong with the audit's own pipeline into the trail, past that pipeline; return it.

    Entries that wait in a spool are seen by nobody, so whoever looks has to be somebody else than the one who carries them.
    """
    trouble = health.trouble(services.spool_folder())
    now = timezone.now()
    # Which sentences, without their numbers: an age that grows is no news.
    kinds = tuple(sorted(sentence.partition(":")[0] for sentence in trouble))
    if trouble and (not _said or _said[0][0] != kinds or now >= _said[0][1] + REMIND):
        ledger.post([entries.encode(entries.pipeline("audit.delayed", {"trouble": trouble}))])
        _said[:] = [(kinds, now)]
    elif not trouble:
        _said.clear()
    return trouble


def tidy() -> int:
    """Remove what nobody asks for any more; return how many messages."""
    return outbox.prune(timezone.now())
