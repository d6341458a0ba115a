"""Is a password's hash dear to guess, bounded in memory, and as slow for nobody as for somebody?"""

from __future__ import annotations

import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from accounts.identity import hashing
from accounts.identity.base import BadCredentials, Unavailable
from accounts.identity.local import LocalIdentity
from accounts.identity.store.models import Account
from tests import doors
from tests.cast import ALICE, BOB

ROOT = Path(__file__).resolve().parents[3]


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
def test_unknown_wrong_and_inactive_take_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hash is computed for all three. Medians of interleaved tries, compared generously: this is no benchmark."""
    monkeypatch.setattr(hashing.BoundedArgon2Hasher, "memory_cost", 8192)
    hashing._nobodys_password.cache_clear()
    Account.objects.update(password=hashing.encoded("the real password of both"))
    Account.objects.filter(pk=ALICE.subject).update(is_active=False)
    emails = {"unknown": "nobody@acme.test", "wrong": BOB.email, "inactive": ALICE.email}
    times: dict[str, list[float]] = {name: [] for name in emails}
    for _ in range(15):
        for name, email in emails.items():
            began = time.perf_counter()
            with pytest.raises(BadCredentials):
                LocalIdentity().authenticate_password(email=email, password="a wrong guess", client=doors.BROWSER)
            times[name].append(time.perf_counter() - began)
    hashing._nobodys_password.cache_clear()
    medians = [statistics.median(values) for values in times.values()]
    assert max(medians) < 1.5 * min(medians)


@pytest.mark.django_db(databases=doors.DOORS)
def test_an_outdated_hash_is_renewed_at_the_next_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    with hashing.slot():
        Account.objects.filter(pk=BOB.subject).update(password=hashing.encoded("seventeen unrelated herons"))
    monkeypatch.setattr(hashing.BoundedArgon2Hasher, "memory_cost", 128)
    LocalIdentity().authenticate_password(email=BOB.email, password="seventeen unrelated herons", client=doors.BROWSER)
    assert "m=128," in Account.objects.get(pk=BOB.subject).password
