"""Does AiAxis on two web hosts and two workers, behind a proxy and over PgBouncer, Redis and S3, stay one installation that leaks nothing?

It is the worked example of docs/deploy.md, run with its own files. Each host has a home of its own; the bytes of files lie in one
bucket, whose key may do what the example's policy says; nothing sends a person to the same host twice.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from django.conf import settings
from redis import Redis

from accounts.services import sessions
from tests import cast, databases, doors
from tests.audit import reaching
from tests.cast import ACME, ALICE, BOB, CHARLIE, acting
from tests.files import bucket
from tests.growing.hosts import HOST, SECRETS, Hosts, bearer, multipart, post, running, typed_in
from tests.growing.parts import EXAMPLE, needed, pgbouncer
from tests.growing.test_backups import forget
from tests.test_settings_profiles import ISOLATION, ROOT, WALLS, run
from tests.waiting import PATIENCE, until

# What else shows that workspaces are kept apart: members' own rows, jobs, reaches that are recorded, visits of operators.
FURTHER = [
    "tests/test_peers.py",
    "tests/accounts/tenancy/test_claims.py",
    "tests/accounts/tenancy/test_names.py",
    "tests/accounts/tenancy/test_reprinted.py",
    "tests/accounts/tenancy/test_statistics.py",
    "tests/accounts/glass/test_fence.py",
    "tests/accounts/test_jobs.py",
    "tests/audit/test_reaching.py",
]
pytestmark = [pytest.mark.soak, needed("pgbouncer", "redis-server", "nginx", "openssl")]


@pytest.fixture(scope="module")
def installation(
    django_db_setup: None, django_db_blocker: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hosts]:
    """The worked example, for every test of this file."""
    with running(tmp_path_factory.mktemp("hosts")) as found:
        yield found
    with django_db_blocker.unblock():  # type: ignore[attr-defined]  # pytest-django's blocker
        databases.put_back()


@pytest.fixture
def hosts(installation: Hosts, committed: None) -> Hosts:
    """The same, with the cast and nothing else in the databases, and nothing in the bucket."""
    for name in installation.stored():
        installation.bucket.objects.delete_object(Bucket=bucket.BUCKET, Key=name)
    return installation


def test_a_person_signs_in_at_one_host_and_is_known_and_forgotten_at_both(hosts: Hosts) -> None:
    """Through the proxy, which sends each request to another host; a sign-out at one is a no at the other's next request."""
    status, session = typed_in(hosts.through, ALICE.email, cast.PASSWORD)
    assert (status, bool(session)) == (302, True)
    for _ in range(4):
        assert hosts.through("/account/", {"Cookie": session}).status == 200
    opened = doors.session(BOB)
    held = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={opened.token}"}
    assert [hosts.ask(number, "/account/", held).status for number in (0, 1)] == [200, 200]
    with acting(BOB):
        sessions.sign_out(actor=opened.tenant)
    assert [hosts.ask(number, "/account/", held).status for number in (0, 1)] == [302, 302]


def test_every_part_of_the_example_is_there_and_used(hosts: Hosts) -> None:
    """Whoever runs without one of them proves nothing about it: both web hosts, pool, counters. Workers and bucket: below."""
    status, session = typed_in(hosts.through, BOB.email, cast.PASSWORD)
    assert (status, bool(session)) == (302, True)
    came = [hosts.through("/account/", {"Cookie": session}) for _ in range(4)]
    assert {hosts.took(answer) for answer in came} == {0, 1}
    pool = hosts.said("pool")
    for role in ("app", "audit", "seal", "identity"):
        assert f"/aiaxis_{role}@127.0.0.1" in pool, role
    assert Redis.from_url(hosts.variables["CACHE_URL"]).dbsize()
    homes = [hosts.folder / name for name in ("web0", "web1", "worker0", "worker1")]
    assert not [path for home in homes for path in (home / "storage").glob("*/*")], "bytes of a file lie on a host"


@pytest.mark.parametrize("sleeper", [0, 1])
def test_a_file_goes_its_whole_way_over_both_hosts_and_the_bucket(hosts: Hosts, sleeper: int) -> None:
    """In through the proxy at one host, read by either worker, out at the other host, quoted, deleted; then nothing is left."""
    key, text = bearer(ALICE), b"# Refunds\n\nSchools return unopened goods within ninety days of delivery.\n"
    headers, body = multipart("refunds.md", text)
    with hosts.asleep(sleeper):
        sent = hosts.through("/api/v1/files", {**key, **headers}, method="POST", body=body)
        assert sent.status == 201, sent.content
        other, file = 1 - hosts.took(sent), json.loads(sent.content)["id"]
        assert until(lambda: state_of(hosts, file, key, other) == "ready"), hosts.said(f"worker{1 - sleeper}")
    (name,) = hosts.stored()
    assert re.fullmatch(f"{ACME.id.hex}/[0-9a-f]{{32}}", name)
    assert hosts.bucket.objects.get_object(Bucket=bucket.BUCKET, Key=name)["Body"].read() == text
    content = f"/api/v1/files/{file}/content"
    whole, part = hosts.ask(other, content, key), hosts.ask(other, content, {**key, "Range": "bytes=2-8"})
    assert (whole.status, whole.content) == (200, text)
    assert (part.status, part.content, part.headers["Content-Range"]) == (206, b"Refunds", f"bytes 2-8/{len(text)}")
    conversation = asked_about(hosts, file, key, "Until when may schools return unopened goods?")
    stream = hosts.ask(1 - other, f"{conversation}/stream", key)
    assert b"ninety days" in stream.content, stream.content
    answer = json.loads(hosts.ask(other, f"{conversation}/messages", key).content)["items"][0]
    assert [one["file_id"] for one in answer["citations"]] == [file]
    assert hosts.ask(other, f"/api/v1/files/{file}", key, method="DELETE").status == 204
    assert hosts.stored() == []
    assert [hosts.ask(number, content, key).status for number in (0, 1)] == [404, 404]


def test_a_stranger_reaches_a_file_in_the_bucket_through_neither_host_and_it_is_recorded(hosts: Hosts) -> None:
    """P5, L1, L29: the bytes lie in one bucket for all workspaces. 404 as for what never was, and a critical entry for each try."""
    key, stranger = bearer(ALICE), bearer(CHARLIE)
    headers, body = multipart("falcon.md", b"# Falcon\n\nFalcon launches in May.\n")
    file = json.loads(hosts.ask(0, "/api/v1/files", {**key, **headers}, method="POST", body=body).content)["id"]
    assert until(lambda: state_of(hosts, file, key) == "ready")
    tries = [
        hosts.ask(number, path, {**stranger, **extra}, method=method)
        for number in (0, 1)
        for method, path, extra in (
            ("GET", f"/api/v1/files/{file}", {}),
            ("GET", f"/api/v1/files/{file}/content", {}),
            ("GET", f"/api/v1/files/{file}/content", {"Range": "bytes=0-5"}),
            ("POST", f"/api/v1/files/{file}/read", {}),
            ("DELETE", f"/api/v1/files/{file}", {}),
        )
    ]
    assert [(one.status, b"Falcon" in one.content) for one in tries] == [(404, False)] * 10
    # Each web host has a spool of its own, and a shipper that empties it.
    wanted = {one.headers["X-Request-Id"]: reaching.OF_ACME for one in tries}
    assert until(lambda: wanted.items() <= reaching.reaches().items())
    assert hosts.ask(0, f"/api/v1/files/{file}/content", key).content.endswith(b"in May.\n")


def test_while_the_bucket_is_away_it_is_said_and_made_up_for_afterwards(hosts: Hosts) -> None:
    """Nothing is kept by half, what is to be read waits, and what was deleted meanwhile is gone from the bucket in the end."""
    key, waiting = bearer(ALICE), multipart("waiting.md", b"# Waiting\n\nTo be read when the bucket is back.\n")
    headers, body = multipart("gone.md", b"# Gone\n\nDeleted while the bucket is away.\n")
    gone = json.loads(hosts.ask(0, "/api/v1/files", {**key, **headers}, method="POST", body=body).content)["id"]
    assert until(lambda: state_of(hosts, gone, key) == "ready")
    with hosts.asleep(0, 1):
        sent = hosts.ask(0, "/api/v1/files", {**key, **waiting[0]}, method="POST", body=waiting[1])
        hosts.store.stop()
    waits, before = json.loads(sent.content)["id"], {f"web{number}": "silent" for number in (0, 1)}
    try:
        assert until(lambda: storages(hosts) == before)
        for number in (0, 1):
            content = hosts.ask(number, f"/api/v1/files/{waits}/content", key)
            assert (content.status, b"reached. Try again" in content.content) == (503, True)
        assert hosts.through(f"/api/v1/files/{gone}", key, method="DELETE").status == 204
        refused = hosts.through("/api/v1/files", {**key, **headers}, method="POST", body=body)
        assert (refused.status, b"not stored. Try again" in refused.content) == (503, True)
        assert until(lambda: state_of(hosts, waits, key) == "checking")
    finally:
        hosts.store.start()
    assert until(lambda: state_of(hosts, waits, key) == "ready")
    assert until(lambda: len(hosts.stored()) == 1), hosts.stored()
    assert until(lambda: storages(hosts) == dict.fromkeys(before, "ok"))
    listed = json.loads(hosts.ask(0, "/api/v1/files", key).content)["items"]
    assert [one["id"] for one in listed] == [waits]
    assert not list(hosts.folder.glob("web*/storage/incoming/*"))


def test_a_download_that_the_bucket_leaves_in_the_middle_is_cut_off_and_resumed(hosts: Hosts) -> None:
    """Never filled up or ended as if it were whole: what came is short of what was said, and the rest comes by range."""
    key, content = bearer(ALICE), os.urandom(6_000_000).hex().encode()
    headers, body = multipart("large.md", content)
    with hosts.asleep(0, 1):
        sent = hosts.ask(0, "/api/v1/files", {**key, **headers}, method="POST", body=body)
        path = f"/api/v1/files/{json.loads(sent.content)['id']}/content"
        line = http.client.HTTPConnection("127.0.0.1", hosts.web[1], timeout=PATIENCE)
        line.request("GET", path, headers={**key, "Host": HOST, "X-Forwarded-Proto": "https"})
        answer = line.getresponse()
        came = answer.read(65_536)
        with hosts.store.away(), pytest.raises(http.client.IncompleteRead) as cut:
            answer.read()
        line.close()
        came += cut.value.partial
        rest = hosts.ask(0, path, {**key, "Range": f"bytes={len(came)}-", "If-Range": answer.headers["ETag"]})
        assert (rest.status, came + rest.content == content) == (206, True)
        assert hosts.ask(0, path.removesuffix("/content"), key, method="DELETE").status == 204


def test_the_drill_with_files_in_a_bucket(hosts: Hosts, tmp_path: Path) -> None:
    """The databases of a moment over the bucket of today: it is said whose bytes are gone, and the bucket's versions give them back."""
    versions = {"Status": "Enabled"}
    hosts.bucket.objects.put_bucket_versioning(Bucket=bucket.BUCKET, VersioningConfiguration=versions)
    rules = json.loads((EXAMPLE / "bucket-lifecycle.json").read_text())
    hosts.bucket.objects.put_bucket_lifecycle_configuration(Bucket=bucket.BUCKET, LifecycleConfiguration=rules)
    key = bearer(ALICE)
    gone = taken(hosts, key, "gone.md")
    (name,) = hosts.stored()
    made = at_the_terminal(hosts, "backup", str(tmp_path / "copy"))
    assert (made.returncode, "object store" in made.stdout) == (0, True), made.stderr
    assert hosts.ask(0, f"/api/v1/files/{gone}", key, method="DELETE").status == 204
    taken(hosts, key, "late.md")
    keys = {name: hosts.variables[name] for name in SECRETS}
    (tmp_path / "secrets.json").write_text(json.dumps(keys))
    outcome = drilled(hosts, tmp_path)
    assert outcome.returncode == 1, outcome.stdout + outcome.stderr
    assert "row and no bytes: 1." in outcome.stdout
    assert (f"file {gone}  bytes {name}" in outcome.stdout, "no row names: 1." in outcome.stdout) == (True, True)
    ours = bucket.client(hosts.store.address, *hosts.bucket.key.values())
    with pytest.raises(ClientError, match="AccessDenied"):
        ours.list_object_versions(Bucket=bucket.BUCKET)
    (mark,) = hosts.bucket.objects.list_object_versions(Bucket=bucket.BUCKET)["DeleteMarkers"]
    hosts.bucket.objects.delete_object(Bucket=bucket.BUCKET, Key=mark["Key"], VersionId=mark["VersionId"])
    outcome = drilled(hosts, tmp_path)
    assert (outcome.returncode, "the copy is worth something" in outcome.stdout) == (0, True), outcome.stdout
    assert len(hosts.stored()) == 2, "a drill with a key that may list changes nothing"


def taken(hosts: Hosts, key: dict[str, str], name: str) -> str:
    headers, body = multipart(name, f"# {name}\n\nOne of its kind.\n".encode())
    file = str(json.loads(hosts.ask(0, "/api/v1/files", {**key, **headers}, method="POST", body=body).content)["id"])
    assert until(lambda: state_of(hosts, file, key) == "ready")
    return file


def at_the_terminal(hosts: Hosts, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=hosts.variables, capture_output=True, text=True, check=False)


def drilled(hosts: Hosts, folder: Path) -> subprocess.CompletedProcess[str]:
    """The script of the documentation, with a key of the bucket that may list it."""
    command = [str(EXAMPLE / "drill.sh"), str(folder / "copy"), str(folder / "secrets.json")]
    kept = {name: value for name, value in hosts.variables.items() if name not in SECRETS}
    variables = {**kept, **hosts.bucket.lister, "PYTHON": sys.executable}
    outcome = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    home = next(line.split()[4] for line in outcome.stdout.splitlines() if line.startswith("== brought back into"))
    forget(Path(home))
    return outcome


def storages(hosts: Hosts) -> dict[str, str]:
    """What each web host's probe says of the place where files are kept. Both go on serving all the while."""
    told = [hosts.ask(number, "/readyz") for number in (0, 1)]
    assert [one.status for one in told] == [200, 200]
    return {f"web{number}": json.loads(one.content)["parts"]["files"] for number, one in enumerate(told)}


def state_of(hosts: Hosts, file: str, key: dict[str, str], host: int = 1) -> str:
    return str(json.loads(hosts.ask(host, f"/api/v1/files/{file}", key).content)["status"])


def asked_about(hosts: Hosts, file: str, key: dict[str, str], question: str) -> str:
    """An agent of this file, made at one host and asked at the other; returns where the conversation is."""
    made = post(hosts, 1, "/api/v1/agents", key, {"name": "Desk", "file_ids": [file]})
    assert made.status == 201, made.content
    begun = post(hosts, 0, "/api/v1/conversations", key, {"agent_id": json.loads(made.content)["id"]})
    assert begun.status == 201, begun.content
    conversation = f"/api/v1/conversations/{json.loads(begun.content)['id']}"
    asked = post(hosts, 1, f"{conversation}/messages", key, {"text": question})
    assert asked.status in (201, 202), asked.content
    return conversation


def test_limits_hold_over_both_hosts(hosts: Hosts) -> None:
    """L41: a guesser who changes hosts with each try has no more of them: they are counted in Redis and the identity store."""
    answers = []
    for number in range(settings.AXES_FAILURE_LIMIT + 2):
        status, session = typed_in(partial(hosts.ask, number % 2), BOB.email, f"wrong guess {number}")
        answers.append((status, session))
    assert all(not session for _, session in answers)
    assert [status for status, _ in answers][-2:] == [429, 429], answers
    assert typed_in(partial(hosts.ask, 1), BOB.email, cast.PASSWORD)[1] == ""


def test_readers_of_two_workspaces_over_shared_connections_see_their_own(hosts: Hosts) -> None:
    """P5, L39: eight readers, two hosts, four connections; each list holds one's own names and no other."""
    wrong: list[str] = []
    readers = []
    for person in (ALICE, CHARLIE):
        key = bearer(person)
        headers, body = multipart(f"{person.name}.md", person.name.encode() * 40)
        hosts.ask(0, "/api/v1/files", {**key, **headers}, method="POST", body=body)
        given = [(hosts, number % 2, key, f"{person.name}.md", wrong) for number in range(4)]
        readers += [threading.Thread(target=_read, args=one) for one in given]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert wrong == []


def _read(hosts: Hosts, host: int, key: dict[str, str], name: str, wrong: list[str]) -> None:
    until_then = time.monotonic() + 10
    while time.monotonic() < until_then:
        answer = hosts.ask(host, "/api/v1/files", key)
        if answer.status == 429:
            time.sleep(0.5)
            continue
        names = {one["name"] for one in json.loads(answer.content).get("items", [])}
        if answer.status != 200 or names != {name}:
            wrong.append(f"{name}: {answer.status} {names}")


def test_the_proof_and_its_attacks_hold_through_the_pool(hosts: Hosts) -> None:
    """P5: `manage.py prove_isolation --attack`, with the environment of a host."""
    found = at_the_terminal(hosts, "prove_isolation", "--attack", "--json")
    assert found.stdout, found.stderr[-3000:]
    report = json.loads(found.stdout)
    assert (report["findings"], report["leaking"], found.returncode) == ([], [], 0)
    assert report["attacks"] >= 48


@pytest.mark.usefixtures(
    "django_db_setup"
)  # Made through a pool, whose connections stay, the template could not be renamed.
def test_the_suite_of_isolation_passes_through_the_pool() -> None:
    """P5: the tests themselves, with every request's statements led through PgBouncer."""
    with pgbouncer(size=20) as port:
        run("pooled", {"AIAXIS_TEST_POOLER": f"127.0.0.1:{port}"}, [*WALLS, *ISOLATION, *FURTHER])
