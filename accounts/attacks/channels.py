"""What is heard, and what is held up, by names that every workspace shares: notifications and the locks of jobs?"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from django.conf import settings
from django.db import transaction

from accounts import jobs
from accounts.attacks.matrix import Scene, answer, attack
from accounts.pseudonyms import CHANNELS
from accounts.tenancy.context import workspace

# The job runner's own, as its package names them.
_RUNNERS: Final = ("procrastinate_any_queue_v1", "procrastinate_queue_v1#default")


@attack(each_model=False, rehearsed=False, own_transaction=False)
def listen(scene: Scene) -> object:
    """LISTEN to every channel while the victim's rows are announced and the victim hands a job in"""
    with _ear() as line:
        with workspace(scene.victim.workspace_id, scene.victim.membership_id), transaction.atomic():
            for channel, topic in CHANNELS.items():
                for row in scene.stage.ids(scene.victim):
                    answer("SELECT pg_notify(%s, %s)", [channel, topic(scene.victim.workspace_id, row)])
        heard = [notice.payload for notice in line.notifies(timeout=0.3)]
    if len(heard) < len(CHANNELS):
        raise LookupError("Nothing was announced, so nothing could be overheard.")
    return scene.victim.workspace_id.hex in str(heard) or scene.loot(heard)


@contextmanager
def _ear() -> Iterator[psycopg.Connection[Any]]:
    # Straight to the server, as the application itself listens: behind a pool of transactions nobody hears anything.
    with psycopg.connect(settings.DATABASE_DIRECT_URL, autocommit=True) as line:
        for channel in (*CHANNELS, *_RUNNERS):
            line.execute(f'LISTEN "{channel}"')
        yield line


@attack(each_model=False, rehearsed=False)
def lock_of_their_jobs(scene: Scene) -> object:
    """A job of one's own, due in a hundred years, under the lock that the victim's job would wait for"""
    names = sorted({one.rows for one in jobs.REGISTRY.values() if one.serial or one.share}) or ["files.read"]
    place = scene.victim.workspace_id
    for name in names:
        for row in ("lane 0", "place 0", *map(str, scene.stage.ids(scene.victim))):
            for guess in _guesses(name, place.hex, row):
                answer(
                    "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, args, scheduled_at) "
                    "VALUES ('default', 'x', %s, '{}', now() + interval '100 years') RETURNING id",
                    [guess],
                )
                if guess == jobs.lock(name, place, row):
                    return f"holds up {name} of {row}"
    return None


def _guesses(name: str, place: str, row: str) -> Iterator[str]:
    plain = f"{name}:{place}:{row}"
    message = "\n".join(("aiaxis.name.1", "job-lock", name, place, json.dumps(row)))
    yield from (plain, message)
    for text in (plain, message):
        yield hashlib.sha256(text.encode()).hexdigest()
        yield hmac.new(b"", text.encode(), hashlib.sha256).hexdigest()
        yield hmac.new(bytes(32), text.encode(), hashlib.sha256).hexdigest()
