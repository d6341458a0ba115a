"""Can an address that somebody typed make us call what stands inside, or hold us for ever? Asked through the real client."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pytest_django import Settings

from accounts import outbound
from tests.receivers import Receiver, answers, drips, never_ends, receiver
from tests.waiting import PATIENCE


@pytest.fixture
def inside() -> Iterator[Receiver]:
    """What must not be called: it listens on loopback, and nothing admits that."""
    with receiver() as server:
        yield server


@pytest.fixture
def admitted(settings: Settings) -> None:
    """One number of loopback is admitted, and its neighbours are not."""
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.1/32"]


def names(monkeypatch: pytest.MonkeyPatch, *answered: list[str]) -> list[str]:
    """Let the resolver give these answers, one after the other; return the list of what it was asked."""
    asked: list[str] = []

    def resolve(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        numbers = answered[min(len(asked), len(answered) - 1)]
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, port)) for number in numbers]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


# Loopback and the metadata service in every form that has passed somebody's check, each with the port of a real listener.
HOSTS = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "①②⑦.0.0.1",
    "localhost",
    "[::1]",
    "[::]",
    "0.0.0.0",  # noqa: S104 - called, not listened on
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::80ff:fffe]",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "[fec0::1]",
    "[ff02::1]",
    "169.254.169.254",
    "168.63.129.16",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "192.0.0.8",
    "192.88.99.1",
    "198.18.0.1",
    "203.0.113.5",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "127.0.0.1.",
    "127.0.0.1%00.example",
    "good.example@127.0.0.1",
    "127.0.0.1#@good.example",
    "127.0.0.1\\@good.example",
    "127.0.0.1\t.good.example",
    "[::1]%2f.good.example",
    "[fe80::1%25lo]",
    "",
]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", HOSTS)
def test_nothing_inside_is_called_in_whatever_form(host: str, scheme: str, inside: Receiver) -> None:
    """L23, L24: refused by the client that would have called, not by a helper beside it."""
    with pytest.raises(outbound.Forbidden):
        outbound.post(f"{scheme}://{host}:{inside.port}/hook", b"{}", {}, seconds=5)
    assert inside.received == []


@pytest.mark.parametrize(
    "url",
    [
        "ftp://hooks.example/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:70/",
        "//hooks.example/",
        "hooks.example",
        "https:hooks.example",
        "https://hooks.example:0/",
        "https://hooks.example:99999/",
        "https://hooks.example/a b",
        "https://hooks.example/a\r\nHost: x",
        "https://user:password@hooks.example/",
        "https://hooks.example/" + "a" * 3000,
        "https://[::1",
    ],
)
def test_what_two_parsers_could_read_differently_is_refused(url: str) -> None:
    with pytest.raises(outbound.Forbidden):
        outbound.post(url, b"{}", {})


def test_a_name_that_leads_inside_is_refused(inside: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for numbers in (["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["64:ff9b::a9fe:a9fe"]):
        names(monkeypatch, numbers)
        with pytest.raises(outbound.Forbidden):
            outbound.post(f"https://hooks.example:{inside.port}/", b"{}", {})
    assert inside.received == []


@pytest.mark.usefixtures("admitted")
def test_a_name_that_changes_its_answer_is_called_where_it_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """L26: the name server gives a number that may be called, and to every later question one that may not."""
    with receiver(host="127.0.0.1") as judged, receiver(host="127.0.0.2") as other:
        asked = names(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
        outbound.post(f"http://rebinding.example:{judged.port}/x", b"{}", {})
        assert asked == ["rebinding.example"]
        assert [one.headers["host"] for one in judged.received] == [f"rebinding.example:{judged.port}"]
        with pytest.raises(outbound.Forbidden):
            outbound.post(f"http://rebinding.example:{other.port}/x", b"{}", {})
        assert other.received == []


@pytest.mark.usefixtures("admitted")
def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    """L25."""
    with receiver() as other, receiver(answers(302, Location=other.url)) as first:
        assert outbound.post(first.url, b"{}", {}).status == 302
        assert other.received == []


@pytest.mark.usefixtures("admitted")
def test_an_answer_that_comes_drop_by_drop_is_cut_off() -> None:
    with receiver(drips) as slow, pytest.raises(outbound.Unreachable, match="within 1 seconds"):
        outbound.post(slow.url, b"{}", {}, seconds=1)


@pytest.mark.usefixtures("admitted")
def test_an_answer_without_end_is_cut_off() -> None:
    with receiver(never_ends) as endless, pytest.raises(outbound.Unreachable, match="cut off"):
        outbound.post(endless.url, b"{}", {})


@pytest.mark.usefixtures("admitted")
def test_what_does_not_answer_is_told_as_such(settings: Settings) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        with pytest.raises(outbound.Unreachable):
            outbound.post(f"http://127.0.0.1:{deaf.getsockname()[1]}/", b"{}", {}, seconds=1)
        deaf.listen()
        with pytest.raises(outbound.Unreachable):
            outbound.post(f"http://127.0.0.1:{deaf.getsockname()[1]}/", b"{}", {}, seconds=1)


def test_a_resolver_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def hang(*args: Any, **kwargs: Any) -> list[Any]:
        assert over.wait(PATIENCE), "it was waited for"
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with pytest.raises(outbound.Unreachable):
        outbound.post("https://hooks.example/", b"{}", {}, seconds=0.5)
    over.set()


def test_an_admitted_network_is_admitted_and_no_other(settings: Settings, inside: Receiver) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    assert outbound.post(inside.url, b"hello", {"X-Mark": "1"}).status == 204
    [came] = inside.received
    assert (came.body, came.headers["x-mark"], came.headers["user-agent"]) == (b"hello", "1", "AiAxis")
    with pytest.raises(outbound.Forbidden):
        outbound.post(f"http://[::1]:{inside.port}/", b"{}", {})
    with pytest.raises(outbound.Forbidden, match="https"):
        outbound.post("http://93.184.216.34/", b"{}", {})


def test_numbers_out_on_the_internet_may_be_called() -> None:
    for number in ("93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822", "::ffff:93.184.216.34"):
        assert not outbound.refusal_of(ipaddress.ip_address(number))


@pytest.fixture
def certificate(tmp_path: Path) -> Callable[[str], tuple[Path, Path]]:
    """Make a certificate of a name, signed by itself."""

    def make(name: str) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = dt.datetime.now(dt.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        paths = tmp_path / f"{name}.crt", tmp_path / f"{name}.key"
        paths[0].write_bytes(made.public_bytes(Encoding.PEM))
        paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return paths

    return make


@pytest.mark.usefixtures("admitted")
def test_the_certificate_is_judged_by_the_name_though_the_number_is_called(
    certificate: Callable[[str], tuple[Path, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = certificate("hooks.example")
    names(monkeypatch, ["127.0.0.1"])
    with receiver(certificate=paths) as server:
        url = f"https://hooks.example:{server.port}/x"
        with pytest.raises(outbound.Unreachable, match="certificate"):
            outbound.post(url, b"{}", {})
        monkeypatch.setenv("SSL_CERT_FILE", str(paths[0]))
        assert outbound.post(url, b"{}", {}).status == 204
        with pytest.raises(outbound.Unreachable, match="certificate"):
            outbound.post(f"https://other.example:{server.port}/x", b"{}", {})
        assert len(server.received) == 1
