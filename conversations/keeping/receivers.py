"""What counts as the use of a file? That somebody opened it, took it away, or had an agent read it."""

from __future__ import annotations

from django.db import connection
from django.dispatch import receiver

from agents.signals import file_read
from files.models import File
from files.signals import file_downloaded, passages_read


@receiver([file_read, file_downloaded, passages_read], dispatch_uid="conversations.keeping.receivers.note_use")
def note_use(sender: object, target: File, **facts: object) -> None:
    """In the transaction of the reading. By a function of the fence: whoever reads a colleague's file may not write its row."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT fence.file_used(%s)", [target.pk])
