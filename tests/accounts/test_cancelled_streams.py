"""Do hundreds of cancelled streams ever hand one workspace's data to another?"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

import pytest
from django.db import connections
from django.http import StreamingHttpResponse
from django.test import Client
from django.urls import path

from accounts.http import TenantRequest
from accounts.models import Membership
from accounts.tenancy.context import bound
from tests.cast import ALICE, BOB, CHARLIE, Person
from tests.doors import browser

pytestmark = pytest.mark.urls(__name__)

ACME = "Ada,Alice,Bob,Vera"
EXPECTED = {"Alice": ACME, "Bob": ACME, "Charlie": "Charlie"}


def stream(request: TenantRequest) -> StreamingHttpResponse:
    def steps() -> Iterator[str]:
        for _ in range(4):
            yield ",".join(sorted(Membership.objects.values_list("display_name", flat=True)))

    return StreamingHttpResponse(steps())


urlpatterns = [path("stream/", stream)]


def cancel_many(person: Person, client: Client, times: int, wrong: list[str]) -> None:
    """Open streams, take a random number of steps, leave; note whatever belongs to somebody else."""
    chance = random.Random(person.name)
    try:
        for _ in range(times):
            response = client.get("/stream/")
            steps = iter(response)
            for _ in range(chance.randrange(0, 4)):
                got = next(steps).decode()
                if got != EXPECTED[person.name]:
                    wrong.append(f"{person.name} was given {got}")
            response.close()
            if bound() is not None:
                wrong.append(f"{person.name}'s fence stayed on the thread")
    except Exception as error:
        wrong.append(repr(error))
    finally:
        connections.close_all()


def cancel_in_parallel(times: int) -> None:
    wrong: list[str] = []
    people = [(person, browser(person)) for person in (ALICE, BOB, CHARLIE, CHARLIE)]
    threads = [threading.Thread(target=cancel_many, args=(*pair, times, wrong)) for pair in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_no_cancelled_stream_reads_across(committed: None) -> None:
    """L39, in short: a cancelled request once left a connection out of step, and the next user got somebody else's data."""
    cancel_in_parallel(12)


@pytest.mark.soak
def test_no_cancelled_stream_reads_across_in_five_hundred(committed: None) -> None:
    """L39."""
    cancel_in_parallel(500)
