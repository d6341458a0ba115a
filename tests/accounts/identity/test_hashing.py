"""Is a password's hash dear to guess, bounded in memory, and as slow for nobody as for somebody?"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from accounts.identity import hashing
from accounts.identity.base import BadCredentials, Unavailable
from accounts.identity.local import LocalIdentity
from accounts.identity.store.models import Account
from tests import doors
from tests.cast import ALICE, BOB

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _nobody_afresh() -> Iterator[None]:
    """Some tests here change the parameters, and nobody's password is made once with those of its time."""
    hashing._nobodys_password.cache_clear()
    yield
    hashing._nobodys_password.cache_clear()


def test_it_is_argon2id_with_the_parameters_of_the_design() -> None:
    """Read in a fresh process: this one makes its hashes cheap."""
    program = (
        "from django.conf import settings\n"
        "settings.configure(PASSWORD_HASHERS=['accounts.identity.hashing.BoundedArgon2Hasher'])\n"
        "from accounts.identity import hashing; print(hashing.encoded('correct horse battery staple'))"
    )
    stored = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True
    ).stdout
    assert stored.startswith("argon2$argon2id$v=19$m=47104,t=2,p=1$")


def test_it_recognises_the_password_and_no_other() -> None:
    with hashing.slot():
        stored = hashing.encoded("correct horse battery staple")
        assert hashing.matches("correct horse battery staple", stored)
        assert not hashing.matches("correct horse battery stable", stored)
        assert not hashing.matches("correct horse battery staple ", stored)


def test_nobody_has_a_password() -> None:
    with hashing.slot():
        assert not hashing.matches("", None)
        assert not hashing.matches("anything at all", None)


def test_at_most_eight_are_at_work_or_waiting() -> None:
    admitted, refused, leave = [], [], threading.Event()

    def come() -> None:
        try:
            with hashing.slot():
                admitted.append(1)
                leave.wait(5)
        except Unavailable as outage:
            refused.append(outage.retry_after)

    threads = [threading.Thread(target=come) for _ in range(40)]
    for thread in threads:
        thread.start()
    while len(admitted) + len(refused) < 40:
        time.sleep(0.001)
    leave.set()
    for thread in threads:
        thread.join()
    assert (len(admitted), len(refused)) == (8, 32)
    with hashing.slot():
        pass  # every place was given back


@pytest.mark.django_db(databases=doors.DOORS)
def test_unknown_wrong_and_inactive_do_the_same_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same statements and one hash of the same parameters for all three; a clock in a test would only be noise."""
    Account.objects.filter(pk=ALICE.subject).update(is_active=False)
    attempts = {"unknown": "nobody@acme.test", "wrong": BOB.email, "inactive": ALICE.email}
    verified: list[str] = []
    real = hashing.BoundedArgon2Hasher.verify

    def verify(hasher: hashing.BoundedArgon2Hasher, password: str, encoded: str) -> bool:
        verified.append(encoded.rsplit("$", 2)[0])
        return bool(real(hasher, password, encoded))

    monkeypatch.setattr(hashing.BoundedArgon2Hasher, "verify", verify)
    work = {}
    for name, email in attempts.items():
        verified.clear()
        with CaptureQueriesContext(connections["identity"]) as queries, pytest.raises(BadCredentials):
            LocalIdentity().authenticate_password(email=email, password="a wrong guess", client=doors.BROWSER)
        work[name] = (list(verified), len(queries))
    assert work["unknown"] == work["wrong"] == work["inactive"]
    assert len(work["wrong"][0]) == 1


@pytest.mark.django_db(databases=doors.DOORS)
def test_an_outdated_hash_is_renewed_at_the_next_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    with hashing.slot():
        Account.objects.filter(pk=BOB.subject).update(password=hashing.encoded("seventeen unrelated herons"))
    monkeypatch.setattr(hashing.BoundedArgon2Hasher, "memory_cost", 128)
    LocalIdentity().authenticate_password(email=BOB.email, password="seventeen unrelated herons", client=doors.BROWSER)
    assert "m=128," in Account.objects.get(pk=BOB.subject).password
