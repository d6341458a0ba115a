"""Does the cache count exactly, however many come at once, and never fail open?"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.cache import cache
from django.db import connections, transaction
from django.test import RequestFactory
from django_ratelimit.core import get_usage

from accounts.cache import CounterCache
from tests.cast import ALICE
from tests.outages import out_of_reach

pytestmark = pytest.mark.usefixtures("committed")


def test_it_keeps_json_and_forgets_what_is_over() -> None:
    cache.set("a", {"n": [1, None, "ü"]}, 60)
    cache.set("b", 1, 0)
    cache.set("c", 2, None)
    assert cache.get_many(["a", "b", "c", "d"]) == {"a": {"n": [1, None, "ü"]}, "c": 2}
    assert cache.get("b", "gone") == "gone"
    assert "a" in cache
    assert cache.delete("a")
    assert not cache.delete("a")


def test_it_refuses_what_is_not_json() -> None:
    """A pickle in a table is code for whoever can write the table."""
    with pytest.raises(TypeError):
        cache.set("a", object())


def test_it_adds_once() -> None:
    def add(_: int) -> bool:
        try:
            return bool(cache.add("once", 1, 60))
        finally:
            connections["cache"].close()

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(add, range(64))) == 1


def test_it_adds_again_where_the_last_one_is_over() -> None:
    cache.set("a", 1, 0)
    assert cache.add("a", 2, 60)
    assert not cache.add("a", 3, 60)
    assert cache.get("a") == 2


def test_it_counts_exactly() -> None:
    cache.add("n", 0, 60)

    def count(_: int) -> int:
        try:
            return int(cache.incr("n"))
        finally:
            connections["cache"].close()

    with ThreadPoolExecutor(16) as pool:
        assert sorted(pool.map(count, range(200))) == list(range(1, 201))


def test_it_refuses_to_count_what_is_not_there() -> None:
    with pytest.raises(ValueError, match="no counter"):
        cache.incr("nothing")


def test_it_lets_exactly_the_limit_through() -> None:
    """Django's database cache let 97 of 320 parallel requests pass a limit of ten (measured)."""
    request = RequestFactory().get("/")

    def is_let_through(_: int) -> bool:
        try:
            usage = get_usage(request, group="g", key=lambda *_: "k", rate="10/h", increment=True)
            return not usage["should_limit"]
        finally:
            connections["cache"].close()

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(is_let_through, range(320))) == 10


def test_it_counts_outside_the_requests_transaction() -> None:
    """A rolled-back request has still been made."""
    with transaction.atomic():
        cache.add("n", 1, 60)
        transaction.set_rollback(True)
    assert cache.get("n") == 1


def test_a_cache_that_cannot_be_asked_admits_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an error page nor an open door."""
    out_of_reach("cache", monkeypatch)
    assert cache.get("a", "default") == "default"
    assert cache.add("a", 1) is False
    usage = get_usage(RequestFactory().get("/"), group="g", key=lambda *_: "k", rate="10/h", increment=True)
    assert usage["should_limit"] is True
    assert usage["time_left"] < 0


def test_it_sweeps_what_is_over() -> None:
    backend = CounterCache("accounts_cache", {})
    for number in range(5):
        backend.set(f"old{number}", 1, 0)
    backend._run("sweep", [])
    with connections["cache"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_cache")
        assert cursor.fetchone() == (0,)


def test_no_key_names_anybody() -> None:
    """P5: the table belongs to no workspace, and every holder of the application's login reads it."""
    person = str(ALICE.membership_id)
    cache.add(f"key-form:{person}:abc", 1, 60)
    cache.set_many({f"{person}:1": 1, "with\nbreaks": 2}, 60)
    with connections["cache"].cursor() as cursor:
        cursor.execute("SELECT cache_key FROM accounts_cache")
        keys = [key for (key,) in cursor.fetchall()]
    assert len(keys) == 3
    assert all(re.fullmatch("[0-9a-f]{64}", key) for key in keys)
    assert cache.get(f"key-form:{person}:abc") == 1
