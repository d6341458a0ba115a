"""Does a secret open only where it was put, under a key that we have?"""

from __future__ import annotations

import time

import pytest
from pytest_django import Settings

from accounts.identity import vault

OLD, NEW = b"old key of thirty-two bytes.....", b"new key of thirty-two bytes....."


def test_it_gives_back_what_was_put_in() -> None:
    sealed = vault.sealed("a token ü", field="access", row="1")
    assert vault.opened(sealed, field="access", row="1") == "a token ü"
    assert b"token" not in sealed


def test_the_same_secret_never_looks_the_same() -> None:
    assert vault.sealed("x", field="f", row="1") != vault.sealed("x", field="f", row="1")


@pytest.mark.parametrize(("field", "row"), [("access", "2"), ("refresh", "1"), ("", ""), ("access\n1", "")])
def test_it_does_not_open_elsewhere(field: str, row: str) -> None:
    """A ciphertext moved to another row or field is somebody's forgery."""
    with pytest.raises(vault.Tampered):
        vault.opened(vault.sealed("x", field="access", row="1"), field=field, row=row)


@pytest.mark.parametrize("place", [4, 15, 16, -1])
def test_it_does_not_open_when_changed(place: int) -> None:
    sealed = bytearray(vault.sealed("secret", field="f", row="1"))
    sealed[place] ^= 1
    with pytest.raises(vault.Tampered):
        vault.opened(bytes(sealed), field="f", row="1")


def test_it_does_not_open_when_cut() -> None:
    sealed = vault.sealed("secret", field="f", row="1")
    for length in range(len(sealed)):
        with pytest.raises((vault.Tampered, vault.KeyUnknown)):
            vault.opened(sealed[:length], field="f", row="1")


def test_a_new_key_leaves_old_secrets_readable(settings: Settings) -> None:
    settings.IDENTITY_KEYS = [OLD]
    before = vault.sealed("before", field="f", row="1")
    settings.IDENTITY_KEYS = [NEW, OLD]
    after = vault.sealed("after", field="f", row="1")
    assert vault.opened(before, field="f", row="1") == "before"
    settings.IDENTITY_KEYS = [NEW]
    assert vault.opened(after, field="f", row="1") == "after"
    with pytest.raises(vault.KeyUnknown):
        vault.opened(before, field="f", row="1")


def test_a_fingerprint_needs_the_key(settings: Settings) -> None:
    settings.IDENTITY_KEYS = [OLD]
    before = vault.fingerprint("sk_1", purpose="key")
    assert before == vault.fingerprint("sk_1", purpose="key")
    assert before != vault.fingerprint("sk_1", purpose="another")
    settings.IDENTITY_KEYS = [NEW]
    assert before != vault.fingerprint("sk_1", purpose="key")


def test_an_older_key_still_opens_and_is_told_to_be_outdated(settings: Settings) -> None:
    old = vault.sealed("plain", field="totp", row="1")
    settings.IDENTITY_KEYS = [b"another key of thirty-two bytes.", *settings.IDENTITY_KEYS]
    assert vault.opened(old, field="totp", row="1") == "plain"
    assert vault.is_outdated(old)
    assert not vault.is_outdated(vault.sealed("plain", field="totp", row="1"))


def test_a_cookie_opens_for_its_use_only_and_for_ten_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = vault.cookie({"code": "ü"}, field="sso")
    assert vault.from_cookie(cookie, field="sso") == {"code": "ü"}
    with pytest.raises(vault.Tampered):
        vault.from_cookie(cookie, field="follow-up")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + vault.COOKIE_SECONDS + 1)
    with pytest.raises(vault.Late):
        vault.from_cookie(cookie, field="sso")
