"""Does a secret lie encrypted, bound to what it belongs to, and does it survive a change of the key?"""

from __future__ import annotations

import pytest
from pytest_django import Settings

from accounts.identity import vault

PLAIN = "JBSWY3DPEHPK3PXP canary"


def test_it_opens_what_it_sealed_and_shows_nothing_of_it() -> None:
    stored = vault.sealed(PLAIN, field="totp", row="1")
    assert vault.opened(stored, field="totp", row="1") == PLAIN
    assert b"canary" not in stored
    assert vault.sealed(PLAIN, field="totp", row="1") != stored, "equal secrets must not look equal"


def test_a_value_moved_to_another_account_opens_nothing() -> None:
    stored = vault.sealed(PLAIN, field="totp", row="1")
    with pytest.raises(vault.SealBroken):
        vault.opened(stored, field="totp", row="2")


@pytest.mark.parametrize("change", [b"", b"x", b"abcd.", b"....", b"\x00"])
def test_a_damaged_value_opens_nothing(change: bytes) -> None:
    stored = vault.sealed(PLAIN, field="totp", row="1")
    for broken in (change, stored[:-4] + change, change + stored[8:], stored[:20] + change + stored[21:-1]):
        with pytest.raises(vault.SealBroken):
            vault.opened(broken, field="totp", row="1")


def test_an_older_key_still_opens_and_is_told_to_be_outdated(settings: Settings) -> None:
    old = vault.sealed(PLAIN, field="totp", row="1")
    settings.IDENTITY_KEYS = [b"another key of thirty-two bytes.", *settings.IDENTITY_KEYS]
    assert vault.opened(old, field="totp", row="1") == PLAIN
    assert vault.is_outdated(old)
    assert not vault.is_outdated(vault.sealed(PLAIN, field="totp", row="1"))


def test_a_key_that_is_gone_opens_nothing_and_says_so(settings: Settings) -> None:
    old = vault.sealed(PLAIN, field="totp", row="1")
    settings.IDENTITY_KEYS = [b"another key of thirty-two bytes."]
    with pytest.raises(vault.KeyUnknown):
        vault.opened(old, field="totp", row="1")
