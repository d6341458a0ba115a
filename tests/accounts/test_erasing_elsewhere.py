"""Does a workspace that is erased leave nothing where an installation keeps bytes and counters outside PostgreSQL, either?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from accounts.services import erasing
from files import objects
from tests import doors
from tests.accounts.test_erasing import canary, due, furnish, marks_of
from tests.cast import ACME, ALICE, BIRCH, CHARLIE
from tests.files import bucket, outages
from tests.growing import parts

pytestmark = [pytest.mark.usefixtures("committed"), parts.needed("redis-server")]


@pytest.fixture
def server() -> Iterator[bucket.Server]:
    with bucket.running() as found:
        yield found


@pytest.fixture
def store(settings: Settings, tmp_path: Path, server: bucket.Server, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Files are kept in a bucket from here on; the client looks in from behind."""
    monkeypatch.setattr(objects, "TRIES", 1)
    settings.AIAXIS_HOME = tmp_path
    found = bucket.client(server.address)
    found.create_bucket(Bucket=bucket.BUCKET)
    settings.STORAGES = bucket.configured(server.address)
    return found


@pytest.fixture
def counters(settings: Settings, tmp_path: Path) -> Iterator[redis.Redis]:
    """Counters stand in a Redis from here on."""
    with parts.redis(tmp_path) as port:
        address = f"redis://127.0.0.1:{port}/0"
        # What settings.py makes of CACHE_URL.
        reached = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": address}
        settings.CACHES = {"default": {**settings.CACHES["default"], **reached}}
        with redis.Redis(port=port) as client:
            yield client
        cache.close()


def stored(store: Any) -> dict[str, bytes]:
    """Everything in the bucket."""
    keys = [one["Key"] for one in store.list_objects_v2(Bucket=bucket.BUCKET).get("Contents", [])]
    return {key: store.get_object(Bucket=bucket.BUCKET, Key=key)["Body"].read() for key in keys}


def kept(counters: redis.Redis) -> str:
    """Every key and every value of the Redis, as text."""
    found = []
    for key in counters.scan_iter():
        found += [key, counters.dump(key) or b""]
    return b"\n".join(found).decode("latin-1")


def test_nothing_of_it_stays_in_a_bucket_or_in_redis(store: Any, server: bucket.Server, counters: redis.Redis) -> None:
    """P9: with Birch's twin beside it, of which nothing is missing. While the bucket is away it is not said to be erased."""
    desk, twin = furnish(ALICE), furnish(CHARLIE)
    # What counts: a wrong password, and what programs ask.
    for person in (ALICE, CHARLIE):
        Client().post("/sign-in/", {"email": person.email, "password": "not this one"})
        assert doors.program(person).get("/api/v1/me").status_code == 200
    marks = [*marks_of(desk), canary(ALICE)]
    before = stored(store)
    assert {key.split("/")[-2] for key in before} == {ACME.id.hex, BIRCH.id.hex}
    assert any(canary(ALICE).encode() in content for content in before.values())
    assert counters.dbsize() >= 2, "there is something to scan"
    assert [mark for mark in marks if mark in kept(counters)] == [], "counters name nobody, while they last either"
    due(ACME)
    with outages.store_away(server):
        assert erasing.erase_due() == 0
    assert stored(store) == before
    assert erasing.erase_due() == 1
    after = stored(store)
    assert after == {key: content for key, content in before.items() if key.split("/")[-2] == BIRCH.id.hex}
    assert not [key for key, content in after.items() for mark in marks if mark in key or mark.encode() in content]
    assert [mark for mark in marks if mark in kept(counters)] == []
    assert doors.browser(CHARLIE).get(f"/files/{twin.ids['file_id']}/").status_code == 200
