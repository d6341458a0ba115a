"""Whose request is it, seen from where, and what may a record of it hold?"""

from __future__ import annotations

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as some
from pytest_django import Settings

from accounts.requests import client_address, current_request, describe

SPOOF = "198.51.100.66"


def seen(peer: str, forwarded: str | None = None) -> str:
    request = RequestFactory().get("/", REMOTE_ADDR=peer)
    if forwarded is not None:
        request.META["HTTP_X_FORWARDED_FOR"] = forwarded
    return client_address(request)


def test_it_believes_nobody_without_a_trusted_proxy(settings: Settings) -> None:
    """L41: a limit keyed on a header that the client writes is no limit."""
    settings.TRUSTED_PROXIES = []
    assert seen("203.0.113.5", SPOOF) == "203.0.113.5"


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", f"{SPOOF}, 203.0.113.5", "203.0.113.5"),  # the client wrote the left one
        ("10.0.0.1", f"{SPOOF}, 203.0.113.5, 10.0.0.2", "203.0.113.5"),  # two proxies of ours
        ("10.0.0.1", "10.0.0.9", "10.0.0.9"),  # everything is ours
        ("203.0.113.5", f"{SPOOF}", "203.0.113.5"),  # straight to us, past the proxy
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", f"{SPOOF}, nonsense", "10.0.0.1"),  # trust ends where we cannot read
        ("::ffff:10.0.0.1", "::ffff:203.0.113.5", "203.0.113.5"),  # one client has one name
        ("2001:db8::1", f"{SPOOF}, 2001:db8:1::7", "2001:db8:1::7"),
        ("", SPOOF, ""),  # a Unix socket names nobody
    ],
)
def test_it_walks_from_the_right_while_the_hop_is_trusted(
    peer: str, forwarded: str | None, client: str, settings: Settings
) -> None:
    """L41."""
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "2001:db8::/48"]
    assert seen(peer, forwarded) == client


@given(some.text(max_size=200))
def test_no_header_makes_it_name_an_address_that_no_trusted_hop_reported(header: str) -> None:
    assert seen("203.0.113.5", header) == "203.0.113.5"


def test_a_record_holds_names_of_query_keys_and_no_value() -> None:
    request = RequestFactory().get(
        "/x/?token=hunter2&page=3", headers={"referer": "https://u:pw@a.test/b?code=hunter2"}
    )
    request.META["HTTP_AUTHORIZATION"] = "Bearer hunter2"
    request.META["HTTP_COOKIE"] = "a=hunter2"
    context = describe(request, "/x/")
    assert context.query_keys == ("token", "page")
    assert "hunter2" not in repr(context)
    assert context.headers["referer"] == "https://a.test/b"


def test_a_query_with_too_many_fields_is_described_all_the_same() -> None:
    """P6: what cannot be described would be refused outside every record of it."""
    request = RequestFactory().get("/?workspace_id=1&" + "&".join(f"f{number}=1" for number in range(2000)))
    assert describe(request, "").query_keys[:2] == ("workspace_id", "f0")


def test_nothing_is_bound_outside_a_request() -> None:
    assert current_request() is None
