"""Does a limit on what one member may have hold where many requests come at the same moment?"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest
from django.db import connections, transaction

from accounts.counting import count_alone
from accounts.http import Tenant
from accounts.models import ApiKey
from accounts.services import keys
from agents.models import Agent, ModelProvider, ToolServer
from agents.tools import services as tools
from agents.unfit import Unfit
from agents.vendors import services as vendors
from aiaxis.exports import services as workspace_exports
from aiaxis.exports.models import WorkspaceExport
from audit.exports import services as trail_exports
from audit.exports.models import Export
from audit.filters import services as filters
from audit.filters.models import OwnFilter
from audit.notices import addresses
from audit.notices import services as notices
from audit.notices.models import Channel
from audit.queries import Chosen
from conversations import services as conversations
from conversations.models import Message
from files import services as files
from files.models import File
from files.uploads import from_bytes
from tests import doors
from tests.cast import ADA, ALICE, Person, acting
from tests.factories import AgentFactory

pytestmark = pytest.mark.usefixtures("committed")

MOST, TRIES = 2, 8


def ask(actor: Tenant, number: int) -> None:
    conversations.start(Agent.objects.get(), actor=actor, text="Why?")


def mint(actor: Tenant, number: int) -> None:
    keys.mint(actor=actor, name=str(number), scopes=["files:read"], days=1, once=str(number))


def upload(actor: Tenant, number: int) -> None:
    with from_bytes(f"{number}.txt", f"The number is {number}.".encode()) as content:
        files.upload(actor=actor, content=content, name=f"{number}.txt")


def save(actor: Tenant, number: int) -> None:
    filters.save(actor=actor, name=str(number), query="outcome=denied")


@dataclass(frozen=True)
class Limit:
    """Something of which a member may have so many: who says so under which name, how one is added, and how many there are."""

    where: object
    name: str
    add: Callable[[Tenant, int], None]
    refusal: type[Exception]
    count: Callable[[], int]


LIMITS = {
    "answers": Limit(
        conversations,
        "MOST_WAITING",
        ask,
        conversations.TooManyWaiting,
        Message.objects.filter(role=Message.Role.ASSISTANT).count,
    ),
    "keys": Limit(keys, "MOST_LIVE_KEYS", mint, keys.TooManyKeys, ApiKey.objects.all().count),
    "files": Limit(files, "MOST_UNREAD", upload, files.TooManyUnread, File.objects.all().count),
    "filters": Limit(filters, "MOST_FILTERS", save, filters.TooManyFilters, OwnFilter.objects.all().count),
}


@pytest.mark.parametrize("limit", LIMITS.values(), ids=list(LIMITS))
def test_whoever_comes_at_the_same_moment_is_counted_as_well(limit: Limit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit.where, limit.name, MOST)
    actor = doors.session(ALICE).tenant
    with acting(ALICE):
        AgentFactory()
    together = threading.Barrier(TRIES)
    refused: list[int] = []

    def add(number: int) -> None:
        try:
            with acting(ALICE):
                together.wait()
                limit.add(actor, number)
        except limit.refusal:
            refused.append(number)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=add, args=[number]) for number in range(TRIES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with acting(ALICE):
        assert (limit.count(), len(refused)) == (MOST, TRIES - MOST)


def test_what_is_counted_outside_of_a_transaction_is_an_error() -> None:
    with acting(ALICE) as alice, pytest.raises(transaction.TransactionManagementError):
        count_alone(alice, "answers")


EXPORTS: dict[str, tuple[Callable[[Tenant], object], type[Exception], Callable[[], int]]] = {
    "trail": (
        lambda actor: trail_exports.begin(actor=actor, chosen=Chosen(), kind="jsonl"),
        trail_exports.StillWriting,
        Export.objects.all().count,
    ),
    "workspace": (
        lambda actor: workspace_exports.begin(actor=actor),
        workspace_exports.StillWriting,
        WorkspaceExport.objects.all().count,
    ),
}


@pytest.mark.parametrize("kind", EXPORTS)
def test_of_exports_that_are_ordered_at_the_same_moment_one_is_written(kind: str) -> None:
    begin, refusal, count = EXPORTS[kind]
    actor = doors.session(ALICE).tenant
    together = threading.Barrier(TRIES)

    def order(number: int) -> None:
        try:
            with acting(ALICE), suppress(refusal):
                together.wait()
                begin(actor)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=order, args=(number,)) for number in range(TRIES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with acting(ALICE):
        assert count() == 1


def channel(actor: Tenant, number: int) -> None:
    notices.add(actor=actor, name=str(number), kind="webhook", address=ELSEWHERE, least="info", actions=[])


def provider(actor: Tenant, number: int) -> None:
    vendors.add(vendors.Words(f"Tern {number}", "openai", f"{ELSEWHERE}v1", key="k" * 20, models=["tern"]), actor=actor)


def server(actor: Tenant, number: int) -> None:
    tools.add(tools.Words(name=f"Orders {number}", url=ELSEWHERE, key=""), actor=actor)


ELSEWHERE = "https://93.184.216.34/"
OF_WORKSPACES = {
    "channels": (channel, notices.MOST_CHANNELS, Channel.objects.all().count),
    "providers": (provider, vendors.MOST_PROVIDERS, ModelProvider.objects.all().count),
    "servers": (server, tools.MOST_SERVERS, ToolServer.objects.all().count),
}


@pytest.mark.parametrize("kind", OF_WORKSPACES)
def test_administrators_who_come_at_the_same_moment_are_counted_together(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add, most, count = OF_WORKSPACES[kind]
    monkeypatch.setattr(tools, "_offered", lambda url, key: [])
    with acting(ALICE) as alice:
        for number in range(most - 1):
            add(alice, number)
    actors = {person: doors.session(person).tenant for person in (ALICE, ADA)}
    together = threading.Barrier(TRIES)
    refused: list[int] = []

    def last(person: Person, number: int) -> None:
        try:
            with acting(person):
                together.wait()
                add(actors[person], number)
        except (Unfit, addresses.Unfit, notices.TooManyChannels):
            refused.append(number)
        finally:
            connections.close_all()

    come = [(person, most + number) for number in range(TRIES // 2) for person in actors]
    threads = [threading.Thread(target=last, args=[person, 10 * number + len(person.name)]) for person, number in come]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with acting(ALICE):
        assert (count(), len(refused)) == (most, TRIES - 1)
