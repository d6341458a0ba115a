"""Do pages and answers go on while many streams are open, while streams break off, and while a neighbour takes all there is?

Two web processes and a worker, with the threads that they have by default. The figures are printed; the limits are those that
were promised. What breaks off has a short form, since it tells right from wrong on a machine of any speed.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from django.utils import timezone

from accounts.models import Role, Workspace
from conversations.models import Conversation, Delta, Message
from tests import cast, databases, doors, environment
from tests.agents.shelf import CORPUS, agent_of, corpus_file
from tests.cast import ALICE, CHARLIE, Company, Person, acting
from tests.factories import AgentFactory, ConversationFactory, MessageFactory
from tests.noise import ask, line_to, noise, put
from tests.served import running
from tests.waiting import until

WORKERS, POOL, THREADS = 2, 8, 256
STREAMS, OF_MEMBER, PAGES, QUESTIONS, CANCELLED, NOISY = 150, 8, 150, 60, 500, 8
TOKEN = "the-token-of-the-load-test-and-of-nothing-else"
LISTS = ("/conversations/", "/agents/", "/files/")
# A workspace watches at most forty streams in a process, and a member eight: five times four people hold them all.
CROWD = [
    Person(f"Member{place}{number}", Company(f"Crowd{place}"), Role.MEMBER) for place in range(5) for number in range(4)
]


@pytest.fixture(scope="module")
def served(
    django_db_setup: None, django_db_blocker: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The whole installation, and its numbers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("METRICS_TOKEN", TOKEN)
        with running(tmp_path_factory.mktemp("served"), workers=WORKERS, pool=POOL, threads=THREADS) as address:
            yield address
    # Its shipper may have posted what the last test did, behind that test's own tidying.
    with django_db_blocker.unblock():  # type: ignore[attr-defined]  # pytest-django's blocker
        databases.put_back()


def cookie(person: Person) -> dict[str, str]:
    return {"Cookie": f"{settings.SESSION_COOKIE_NAME}={doors.session(person).token}"}


def key(person: Person) -> dict[str, str]:
    return {"Authorization": f"Bearer {doors.key(person).value}"}


def pages(address: str, headers: dict[str, str], count: int = PAGES) -> float:
    """Read lists one after the other over one connection, as a person clicks; the 95th of a hundred, in milliseconds."""
    took = []
    with closing(line_to(address)) as line:
        for number in range(count):
            began = time.perf_counter()
            status, _ = ask(line, LISTS[number % len(LISTS)], headers)
            assert status == 200
            took.append(1000 * (time.perf_counter() - began))
            time.sleep(0.02)
    return sorted(took)[int(count * 0.95)]


def first_words(address: str, headers: dict[str, str], agent: str, question: str) -> float:
    """Seconds from the question to the first words of its answer, which is read to its end."""
    words = []
    with closing(line_to(address)) as line:
        began = time.perf_counter()
        conversation = put(line, headers, agent, question)
        line.request("GET", f"/api/v1/conversations/{conversation}/stream", headers=headers)
        with line.getresponse() as answer:
            while read := answer.readline():
                if read.startswith(b"event: text"):
                    words.append(time.perf_counter() - began)
    assert words, "no words came"
    return words[0]


@contextmanager
def reading_on(address: str, headers: dict[str, str]) -> Iterator[None]:
    """Somebody reads lists, one after the other, for as long as the block runs."""
    over = threading.Event()

    def read() -> int:
        number = 0
        with closing(line_to(address)) as line:
            while not over.wait(0.02):
                status, _ = ask(line, LISTS[number % len(LISTS)], headers)
                assert status == 200
                number += 1
        return number

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read)
        try:
            yield
        finally:
            over.set()
        assert reader.result()


def being_written(person: Person, text: str = "") -> Conversation:
    """A conversation with an answer that is being written, for as long as the test takes, and has come so far."""
    with acting(person):
        conversation: Conversation = ConversationFactory(agent=AgentFactory())
        message = MessageFactory(
            conversation=conversation,
            status=Message.Status.WRITING,
            text="",
            finished_at=None,
            alive_at=timezone.now() + timedelta(days=1),
        )
        Delta.objects.bulk_create(
            Delta(message=message, seq=place, kind="text", data={"text": word})
            for place, word in enumerate(text.split(), start=1)
        )
    return conversation


def open_streams(address: str) -> int:
    """How many the installation says it has open, over all web processes."""
    with closing(line_to(address)) as line:
        _, body = ask(line, "/metrics", {"Authorization": f"Bearer {TOKEN}"})
    rows = [row for row in body.decode().splitlines() if row.startswith("aiaxis_open_streams")]
    assert rows
    return int(sum(float(row.rpartition(" ")[2]) for row in rows))


def of_web_processes(address: str, file: str, name: str) -> int:
    """A number that the kernel keeps of each web process of this installation, over all of them."""
    total, ours = 0, f"\0PORT={urlsplit(address).port}\0".encode()
    for comm in Path("/proc").glob("[0-9]*/comm"):
        try:
            if comm.read_text().strip() == "aiaxis-web" and ours in b"\0" + comm.with_name("environ").read_bytes():
                lines = comm.with_name(file).read_text().splitlines()
                total += int(next(line.split()[1] for line in lines if line.startswith(name)))
        except OSError:
            continue  # it went while we looked
    assert total
    return total


def connections() -> int:
    """Those of any role to this test's databases."""
    names = [environment.platform_database, environment.identity_database]
    with psycopg.connect(environment.server.superuser_url()) as line:
        found = line.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = ANY(%s)", [names]).fetchone()
    assert found
    return int(found[0])


def said(capsys: pytest.CaptureFixture[str], words: str) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{words}\n")


@pytest.mark.soak
def test_pages_and_answers_go_on_beside_150_open_streams(
    served: str, committed: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """The 95th page takes at most three times as long as in quiet, and while pages go on the first words come within a second."""
    gather(CROWD)
    agent = agent_of(ALICE, *[corpus_file(ALICE, path.stem) for path in sorted(CORPUS.glob("*.txt"))])
    headers, program, question = cookie(ALICE), key(ALICE), "How many days of leave are there in year {}?"
    pages(served, headers, 30)
    first_words(served, program, agent.slug, question.format(0))
    quiet, before = pages(served, headers), of_web_processes(served, "smaps_rollup", "Pss:")
    with ExitStack() as held:
        follow(served, held)
        assert until(lambda: open_streams(served) == STREAMS), open_streams(served)
        each = (of_web_processes(served, "smaps_rollup", "Pss:") - before) / STREAMS
        busy = pages(served, headers)
        with reading_on(served, headers):
            words = sorted(first_words(served, program, agent.slug, question.format(n + 1)) for n in range(QUESTIONS))
    p95 = words[int(QUESTIONS * 0.95)]
    figures = (
        f"{STREAMS} open streams: pages p95 {quiet:.0f} ms in quiet, {busy:.0f} ms beside them ({busy / quiet:.1f} ×); first words "
        f"median {words[QUESTIONS // 2]:.2f} s, p95 {p95:.2f} s; {each:.0f} KiB a stream"
    )
    said(capsys, figures)
    assert busy <= 3 * quiet, figures
    assert p95 <= 1, figures


def gather(people: list[Person]) -> None:
    for person in people:
        assert person.company
        name = person.company.name
        Workspace.objects.using("owner").get_or_create(
            id=person.company.id, defaults={"name": name, "slug": name.lower()}
        )
        cast.enter_one(person)


def follow(address: str, held: ExitStack) -> None:
    """Open the streams of the crowd, each on a connection of its own, which ends with the block."""
    opened = 0
    for person in CROWD:
        conversation, headers = being_written(person), cookie(person)
        for _ in range(min(OF_MEMBER, STREAMS - opened)):
            line = held.enter_context(closing(line_to(address)))
            line.request("GET", f"/conversations/{conversation.pk}/stream/", headers=headers)
            answer = held.enter_context(line.getresponse())
            assert answer.status == 200
            opened += 1
    assert opened == STREAMS


def test_streams_that_break_off_leave_nothing_and_hand_nothing_over(served: str, committed: None) -> None:
    """L39, in short, at the real server."""
    break_off_while_two_workspaces_read(served, streams=48, lists=20)


@pytest.mark.soak
def test_five_hundred_streams_that_break_off_leave_nothing_and_hand_nothing_over(served: str, committed: None) -> None:
    """L39: every word is the reader's own; places, threads and connections come back."""
    break_off_while_two_workspaces_read(served, streams=CANCELLED, lists=150)


def break_off_while_two_workspaces_read(address: str, *, streams: int, lists: int) -> None:
    wrong: list[str] = []
    readers = []
    for person in (ALICE, CHARLIE):
        mark, headers = f"of-{person.name}", cookie(person)
        place = f"/conversations/{being_written(person, f'{mark} ' * 20).pk}/stream/"
        readers.append(threading.Thread(target=read_lists, args=(address, person, headers, lists, wrong)))
        for number in range(3):
            chance = random.Random(f"{mark}{number}")
            given = (address, place, headers, mark, chance, streams // 6 + 1, wrong)
            readers.append(threading.Thread(target=break_off, args=given))
    before = connections()
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert until(lambda: open_streams(address) == 0), "a stream goes on that nobody reads"
    # Each process keeps up to so many connections in each of four pools, and one that listens for all its streams.
    assert connections() <= before + WORKERS * (4 * POOL + 1)
    # One for each request at once, whoever leaves it, and those that every process has for itself.
    assert of_web_processes(address, "status", "Threads:") <= (WORKERS + 1) * (THREADS + 32)


def break_off(
    address: str, place: str, headers: dict[str, str], mark: str, chance: random.Random, times: int, wrong: list[str]
) -> None:
    """Follow an answer, read some of it, leave; note whatever is not this person's."""
    followed = 0
    try:
        while followed < times:
            with closing(line_to(address)) as line:
                line.request("GET", place, headers=headers)
                with line.getresponse() as answer:
                    read = [answer.readline().decode() for _ in range(chance.randrange(0, 60))]
            if "event: refused\n" in read:
                # Those that were left a moment ago still have the places of this member, until they are next written to.
                time.sleep(0.2)
                continue
            followed += 1
            words = [words for words in read if words.startswith('data: {"text"')]
            if any(mark not in word for word in words) or (len(read) > 20 and not words):
                wrong.append(f"{mark} was given {read}")
    except Exception as error:
        wrong.append(repr(error))


def read_lists(address: str, person: Person, headers: dict[str, str], times: int, wrong: list[str]) -> None:
    own, other = (b"Acme", b"Birch") if person is ALICE else (b"Birch", b"Acme")
    try:
        with closing(line_to(address)) as line:
            for _ in range(times):
                _, body = ask(line, "/conversations/", headers)
                if own not in body or other in body:
                    wrong.append(f"{person.name} read a page of {other!r}")
    except Exception as error:
        wrong.append(repr(error))


@pytest.mark.soak
def test_a_noisy_neighbour_leaves_the_others_in_peace(
    served: str, committed: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Birch uploads and asks as fast as it is answered; a page of Acme's takes three times as long at most, or 100 ms."""
    agent = agent_of(CHARLIE, *[corpus_file(CHARLIE, path.stem) for path in sorted(CORPUS.glob("*.txt"))])
    headers, done = cookie(ALICE), Counter[str]()
    pages(served, headers, 30)
    quiet = pages(served, headers)
    # Each with a key of its own, of which each may ask ten times a second.
    with noise(served, agent.slug, [key(CHARLIE) for _ in range(NOISY)], done):
        time.sleep(3)
        busy = pages(served, headers)
    figures = (
        f"beside a neighbour's {dict(done)}: pages p95 {quiet:.0f} ms in quiet, {busy:.0f} ms ({busy / quiet:.1f} ×)"
    )
    said(capsys, figures)
    assert done["uploads"] + done["questions"] > 20, figures
    assert busy <= max(3 * quiet, 100), figures
