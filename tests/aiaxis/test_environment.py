"""Does a wrong setting stop the start with its name and what it wants?"""

from __future__ import annotations

import importlib.util

import pytest
from django.core.exceptions import ImproperlyConfigured

from aiaxis.environment import Environment


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> Environment:
    for name in ("WHOLE", "RATE", "CACHE", "SWITCH"):
        monkeypatch.delenv(name, raising=False)
    return Environment()


@pytest.mark.parametrize("value", ["60/5m", "1/s", "1000/h", "20/2d"])
def test_it_takes_a_rate(env: Environment, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("RATE", value)
    assert env.rate("RATE", default="1/s") == value


@pytest.mark.parametrize("value", ["60", "0/m", "60/0m", "sixty/m", "60/m; 1", "-1/m", "60/w"])
def test_it_refuses_what_is_no_rate(env: Environment, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("RATE", value)
    with pytest.raises(ImproperlyConfigured, match="RATE must be a rate such as 60/5m"):
        env.rate("RATE", default="1/s")


@pytest.mark.parametrize("value", ["locmemcache://", "dummycache://", "filecache:///var", "memcache://h:1", "h:6379"])
def test_it_refuses_a_cache_that_cannot_count_for_all(
    env: Environment, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("CACHE", value)
    with pytest.raises(ImproperlyConfigured, match="CACHE must be the URL of a Redis"):
        env.redis("CACHE")


def test_it_takes_a_redis_where_its_package_is_installed(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE", "redis://cache.example:6379/0")
    with monkeypatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", lambda name: None)
        with pytest.raises(ImproperlyConfigured, match="CACHE needs the Python package redis"):
            env.redis("CACHE")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert (env.redis("CACHE") or {})["LOCATION"] == "redis://cache.example:6379/0"


def test_an_empty_value_counts_as_not_set(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE", "")
    monkeypatch.setenv("WHOLE", "")
    assert env.redis("CACHE") is None
    assert env.whole("WHOLE", default=5, least=1, most=9) == 5


@pytest.mark.parametrize(("value", "says"), [("eighty", "WHOLE must be a whole number"), ("99", "between 1 and 9")])
def test_it_refuses_a_number_that_is_none_or_too_large(
    env: Environment, monkeypatch: pytest.MonkeyPatch, value: str, says: str
) -> None:
    monkeypatch.setenv("WHOLE", value)
    with pytest.raises(ImproperlyConfigured, match=says):
        env.whole("WHOLE", default=5, least=1, most=9)


@pytest.mark.parametrize("value", ["sentry.example", "https://sentry.example/1", "https://key@sentry.example", "on"])
def test_it_refuses_what_is_no_place_for_reports(env: Environment, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("REPORTS", value)
    with pytest.raises(ImproperlyConfigured, match="REPORTS must be a project's DSN"):
        env.dsn("REPORTS")


@pytest.mark.parametrize("value", ["", "https://key@sentry.example/1", "http://key@10.0.0.7:9000/team/42"])
def test_it_takes_a_place_for_reports_or_none(env: Environment, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("REPORTS", value)
    assert env.dsn("REPORTS") == value


@pytest.mark.parametrize("value", ["proxy.example", "10.0.0.0/33", "10.0.0.7;10.0.0.8"])
def test_it_refuses_what_is_no_network(env: Environment, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PROXIES", f"10.0.0.7,{value}")
    with pytest.raises(ImproperlyConfigured, match="PROXIES must be addresses or networks such as"):
        env.networks("PROXIES")


def test_it_takes_addresses_and_networks_or_none(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.networks("PROXIES") == []
    monkeypatch.setenv("PROXIES", "10.0.0.7, 10.1.2.3/16,::1")
    assert env.networks("PROXIES") == ["10.0.0.7/32", "10.1.0.0/16", "::1/128"]


@pytest.mark.parametrize("value", ["http://api.workos.test", "ftp://127.0.0.1", "api.workos.com", "https://h/path"])
def test_it_refuses_a_service_that_secrets_would_go_to_in_clear(
    env: Environment, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("WHOLE", value)
    with pytest.raises(ImproperlyConfigured, match="WHOLE must be"):
        env.service("WHOLE", default="https://api.workos.com")


@pytest.mark.parametrize("value", ["https://api.workos.com", "http://127.0.0.1:8400", "http://localhost:1"])
def test_it_takes_https_and_this_machine(env: Environment, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("WHOLE", value)
    assert env.service("WHOLE", default="https://api.workos.com") == value


def test_it_refuses_a_word_that_is_no_choice(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHOLE", "WorkOS")
    with pytest.raises(ImproperlyConfigured, match="WHOLE must be local or workos"):
        env.choice("WHOLE", default="local", choices=("local", "workos"))


@pytest.mark.parametrize(
    "value", ["foo", "foo://mail.example", "smtp://", "smtp+tls://me:hush@:587", "smtp://me:hush@mail:port"]
)
def test_it_refuses_what_is_no_mail_server_without_its_password(
    env: Environment, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """The start once stopped with "Invalid email schema", and nobody knew which setting was meant (L44 for the password)."""
    monkeypatch.setenv("MAILS", value)
    with pytest.raises(ImproperlyConfigured, match="MAILS must be a mail server's URL") as caught:
        env.mail("MAILS", default="consolemail://")
    assert "hush" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    "value", ["", "consolemail://", "smtp+tls://me:word@mail.example:587", "filemail:///var/spool/mails"]
)
def test_it_takes_a_mail_server_or_none(env: Environment, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("MAILS", value)
    found = env.mail("MAILS", default="consolemail://")
    assert found["EMAIL_BACKEND"].startswith("django.core.mail.backends.")
    assert found["EMAIL_HOST"] == ("mail.example" if "example" in value else None)
