"""Does the page about the installation say what is true of this process, and only to those who decide?"""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import override_settings

from accounts.installation import parts
from tests.cast import ADA, BOB
from tests.doors import browser


def state(name: str, *, is_secure: bool = False) -> bool:
    return next(part.is_configured for part in parts(is_secure=is_secure) if part.name == name)


def test_what_is_not_configured_comes_first_and_says_what_follows() -> None:
    found = parts(is_secure=True)
    assert [part.is_configured for part in found] == sorted(part.is_configured for part in found)
    assert all(part.meaning.endswith(".") for part in found)
    assert all(part.change for part in found if not part.is_configured)


def test_it_follows_the_settings_of_the_process() -> None:
    with override_settings(EMBEDDED=True):
        assert not state("PostgreSQL of your own")
    with override_settings(EMBEDDED=False):
        assert state("PostgreSQL of your own")
    with override_settings(CACHES={"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache"}}):
        assert state("Redis")
    with override_settings(CLAMAV=("unix", "/run/clamd.ctl", 0)):
        assert state("Virus scanner")
    with override_settings(STORAGES={**settings.STORAGES, "default": {"BACKEND": "files.objects.ObjectStorage"}}):
        assert state("Object store")
    assert (state("Virus scanner"), state("Object store")) == (False, False)
    assert (state("HTTPS"), state("HTTPS", is_secure=True)) == (False, True)


@pytest.mark.django_db(databases=["default", "identity", "cache"])
def test_an_administrator_reads_it_and_a_member_is_refused() -> None:
    page = browser(ADA).get("/account/installation/")
    assert "What is not configured" in page.content.decode()
    assert browser(BOB).get("/account/installation/").status_code == 403
    assert "/account/installation/" not in browser(BOB).get("/account/").content.decode()


def test_it_says_how_people_sign_in() -> None:
    given = {"WORKOS_API_KEY": "sk_1", "WORKOS_CLIENT_ID": "client_1", "WORKOS_ISSUER": "https://api.workos.com"}
    with override_settings(**given):
        assert state("Single sign-on")
    for name in given:
        with override_settings(**{**given, name: ""}):
            assert not state("Single sign-on"), "in part is not at all"
