"""Can an address that an administrator typed turn a vendor's library against the network that we stand in, or hold us for ever?

Asked through the libraries, over the transport that they are given; the guard itself has its tests in
`tests/accounts/test_outbound.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import Settings

from accounts.outbound.streaming import Limits
from agents.providers import Connection, Trouble, names_of_models
from agents.vendors.models import Kind
from tests.accounts.test_outbound import HOSTS, certificate, names
from tests.receivers import Behaviour, answers, drips, never_ends, receiver
from tests.vendors.faults import Fault
from tests.vendors.server import KEY, Double

__all__ = ["certificate"]  # a fixture

KINDS = pytest.mark.parametrize("kind", [Kind.OPENAI, Kind.ANTHROPIC])
SHORT = Limits(connect=2.0, silence=1.0, seconds=2.0, size=100_000)


def trouble_at(url: str, kind: str = Kind.OPENAI, limits: Limits = SHORT) -> str:
    """What becomes of asking there for models."""
    with pytest.raises(Trouble) as trouble:
        names_of_models(Connection("Tern", kind, url, key=KEY, limits=limits))
    return trouble.value.kind


@pytest.mark.parametrize("host", HOSTS)
def test_nothing_inside_is_called_in_whatever_form(host: str) -> None:
    """L23, L24: with a listener at the port that is named."""
    with receiver(answers(200, b'{"data": []}')) as inside:
        assert trouble_at(f"http://{host}:{inside.port}/v1") == "forbidden"
        assert trouble_at(f"https://{host}:{inside.port}/v1", Kind.ANTHROPIC) == "forbidden"
        assert inside.received == []


@KINDS
def test_a_name_that_changes_its_answer_is_called_where_it_was_judged(
    kind: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """L26: the name server gives a number that may be called, and to every later question one that may not."""
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.1/32"]
    with Double() as judged:
        asked = names(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
        port = judged.origin.rpartition(":")[2]
        url = f"http://rebinding.example:{port}" + ("/v1" if kind == Kind.OPENAI else "")
        assert names_of_models(Connection("Tern", kind, url, key=KEY)) == ["tern-large", "tern-small"]
        assert asked == ["rebinding.example"]
        assert judged.asked[-1].headers["host"] == f"rebinding.example:{port}"
        assert trouble_at(url, kind) == "forbidden"
        assert len(judged.asked) == 1


@KINDS
def test_a_redirect_is_not_followed(kind: str, vendor: Double) -> None:
    """L25: not even to where the key would be right."""
    with Double() as other:
        for place in (f"{other.url}/models", "http://169.254.169.254/latest/", f"{vendor.url}/models"):
            before = len(vendor.asked)
            vendor.faults.set(Fault(redirect=place))
            assert trouble_at(vendor.url if kind == Kind.OPENAI else vendor.origin, kind) == "redirect"
            assert len(vendor.asked) == before + 1
        assert other.asked == []


@pytest.mark.parametrize(
    ("behave", "kind"), [(drips, "slow"), (never_ends, "large")], ids=["drop by drop", "without end"]
)
def test_an_answer_that_does_not_end_is_ended(behave: Behaviour, kind: str, settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.1/32"]
    with receiver(behave) as server:
        assert trouble_at(f"http://127.0.0.1:{server.port}/v1") == kind


def test_the_certificate_is_judged_by_the_name_though_the_number_is_called(
    certificate: Callable[[str], tuple[Path, Path]], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.1/32"]
    paths = certificate("models.example")
    names(monkeypatch, ["127.0.0.1"])
    with receiver(
        answers(200, b'{"data": [{"id": "one"}]}', **{"Content-Type": "application/json"}), certificate=paths
    ) as server:
        url = f"https://models.example:{server.port}/v1"
        assert trouble_at(url) == "down"
        monkeypatch.setenv("SSL_CERT_FILE", str(paths[0]))
        assert names_of_models(Connection("Tern", Kind.OPENAI, url, key=KEY)) == ["one"]
        assert trouble_at(f"https://other.example:{server.port}/v1") == "down"
        assert len(server.received) == 1
