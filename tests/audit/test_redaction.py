"""Does an entry keep out what it must never hold, and stay one harmless line?"""

import json
import logging
import uuid

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils.datastructures import MultiValueDict
from hypothesis import given
from hypothesis import strategies as st

from accounts.http import Reason, Refusal
from accounts.requests import answering, describe
from audit import entries, reasons, redaction, rules
from audit.spool import LINE_LIMIT
from tests import cast

HOSTILE = [
    "a\r\nSet-Cookie: x=1",
    "\x1b[31mred\x1b[0m",
    "nul\x00byte",
    "line\u2028and\u2029paragraph",
    "\u202etxt.exe",
    "\u2066isolate\u2069",
    "lone \udcff surrogate",
    "x" * 100_000,
    "\u200bzero width",
    '"},{"id":"forged"}\n{"action":"forged"}',
]


def denial_of(request: object, refusal: Refusal | None = None) -> entries.Entry:
    with answering(describe(request, "/x/")) as context:  # type: ignore[arg-type]  # RequestFactory's own type
        return entries.denial(context, status=404, refusal=refusal, actor=None)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_becomes_one_short_printable_line(text: str) -> None:
    cleaned = redaction.clean(text)
    assert cleaned.isprintable()
    assert len(cleaned) <= redaction.LIMIT


@given(st.text(max_size=2000))
def test_any_text_becomes_one_short_printable_line(text: str) -> None:
    for kept in (redaction.clean(text), redaction.free_text(text), redaction.path(text)):
        assert kept.isprintable()
        assert len(kept) <= redaction.LIMIT


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_request_is_one_line_and_one_entry(text: str) -> None:
    request = RequestFactory().get("/x/?a=1")
    # As from a server with another idea of UTF-8.
    request.GET = MultiValueDict({text: ["1"]})  # type: ignore[assignment]  # quacks like a QueryDict
    request.META.update(HTTP_USER_AGENT=text, HTTP_ACCEPT=text, CONTENT_TYPE=text, REMOTE_ADDR=text)
    request.path = f"/{text}"
    line = entries.encode(denial_of(request, Refusal("not_found", "request.refused", "notice", {text: text})))
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert len(line) <= LINE_LIMIT
    line.decode("ascii")
    assert json.loads(line)["action"] == "request.refused"


def test_an_entry_too_large_for_a_line_is_cut_and_says_so() -> None:
    wide = "\N{CJK UNIFIED IDEOGRAPH-4E2D}" * 600
    request = RequestFactory().get("/x/", {wide[:60] + str(n): "1" for n in range(40)})
    request.META.update(HTTP_USER_AGENT=wide, HTTP_ACCEPT=wide, HTTP_ACCEPT_LANGUAGE=wide, HTTP_X_FORWARDED_FOR=wide)
    request.path = f"/{wide}"
    entry = denial_of(request, Refusal("not_found", "request.refused", "notice", {f"k{n}": wide for n in range(9)}))
    line = entries.encode(entry)
    assert len(line) <= LINE_LIMIT
    kept = json.loads(line)
    assert kept["id"] == entry["id"]
    assert kept["http"]["cut"] is True


def test_ten_thousand_headers_are_no_more_than_the_listed_ones() -> None:
    request = RequestFactory().get("/x/")
    request.META.update({f"HTTP_X_{n}": "canary" for n in range(10_000)})
    assert "canary" not in json.dumps(denial_of(request))


SECRET = "c4n4ry"


def canaries() -> dict[str, str]:
    """A different secret in every place where a client can put one and where none belongs in a log."""
    return {name: f"{SECRET}-{name}-{uuid.uuid4().hex}" for name in ("cookie", "bearer", "csrf", "form", "query", "code",
        "state", "key", "userinfo", "proxy", "token-in-path", "referer", "origin", "xff")}  # fmt: skip


def test_no_canary_reaches_an_entry() -> None:
    put = canaries()
    request = RequestFactory().post(
        f"/invitations/{put['token-in-path']}/?q={put['query']}&code={put['code']}&state={put['state']}",
        {"password": put["form"]},
        HTTP_AUTHORIZATION=f"Bearer {put['bearer']}",
        HTTP_COOKIE=f"__Host-session={put['cookie']}",
        HTTP_X_CSRFTOKEN=put["csrf"],
        HTTP_X_API_KEY=put["key"],
        HTTP_PROXY_AUTHORIZATION=put["proxy"],
        HTTP_REFERER=f"https://user:{put['userinfo']}@host.test/{put['referer']}?code={put['code']}",
        HTTP_ORIGIN=f"https://user:{put['origin']}@host.test",
        HTTP_USER_AGENT=f"curl/8 Bearer {put['bearer']} https://u:{put['userinfo']}@h.test/ token={put['key']}",
        HTTP_X_FORWARDED_FOR=f"1.2.3.4, token={put['xff']}",
    )
    line = entries.encode(denial_of(request)).decode()
    assert SECRET not in line
    assert "host.test" in line


@pytest.mark.parametrize(
    "secret",
    [
        "sk_live_abcdefghijklmnop",
        "aiaxis_0123456789abcdefXYZ",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
        "password=hunter2",
    ],
)
def test_what_looks_like_a_secret_is_blotted_out(secret: str) -> None:
    assert "[redacted]" in redaction.free_text(f"GET {secret} end")
    assert secret not in redaction.path(f"/x/{secret}/y")


def test_a_secret_that_stands_alone_as_a_parameter_is_cut_to_a_hint() -> None:
    assert redaction.names(["q", "9cfc7db0743a498882b01e381e858384"]) == ["q", "9cfc[redacted]"]


def test_ids_in_a_path_stay_and_words_stay() -> None:
    path = "/files/0190b6a0-7c11-7b3a-9df0-1c2d3e4f5a6b/a-perfectly-ordinary-long-page-name/"
    assert redaction.path(path) == path


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("hunter2", "…@…"),
        ("ann@acme.com", "a…@a….com"),
        ("p@ssw0rd!", "p…@s…"),
        ("", "…@…"),
        ("x@y.secretword", "x…@y…"),
    ],
)
def test_a_typed_user_name_is_hardly_shown(typed: str, shown: str) -> None:
    assert redaction.mask(typed) == shown


def test_a_failed_sign_in_keeps_a_fingerprint_and_a_mask() -> None:
    refusal = Refusal(Reason.CREDENTIAL, "sign_in.failed", "warning", {"account": "ab" * 16, "mask": "p…@ssw0rd!"})
    entry = entries.denial(None, status=422, refusal=refusal, actor=None)
    assert entry["outcome"] == "failed"
    assert entry["actor"] == {"account": "ab" * 16, "mask": "p…@s…"}
    assert "ssw0rd" not in entries.encode(entry).decode()


def test_a_session_appears_only_as_a_fingerprint() -> None:
    entry = entries.fact("member.signed_in", actor=cast.ALICE.tenant)
    line = entries.encode(entry).decode()
    assert str(cast.ALICE.tenant.credential_id) not in line
    assert entry["actor"]["credential"] == redaction.pseudonym("credential", str(cast.ALICE.tenant.credential_id))


def test_words_outside_the_closed_lists_are_kept_beside_them() -> None:
    entry = entries.denial(None, status=404, refusal=Refusal("whim", "cat.jumped", "loud"), actor=None)
    assert (entry["action"], entry["reason"], entry["severity"]) == ("request.refused", reasons.UNLISTED, "notice")
    assert entry["detail"] == {"unlisted_action": "cat.jumped", "unlisted_reason": "whim"}


def test_the_fingerprint_groups_what_one_attacker_repeats() -> None:
    def seen(address: str, path: str) -> str:
        request = RequestFactory().get(path, REMOTE_ADDR=address)
        return str(denial_of(request)["fingerprint"])

    assert seen("203.0.113.5", "/a/") == seen("203.0.113.5", "/b/")
    assert seen("203.0.113.5", "/a/") != seen("203.0.113.6", "/a/")
    assert seen("2001:db8::1", "/a/") == seen("2001:db8::ffff", "/a/")
    assert seen("2001:db8::1", "/a/") != seen("2001:db8:0:1::1", "/a/")


def test_an_address_has_one_spelling() -> None:
    assert redaction.address("::ffff:192.0.2.1") == "192.0.2.1"
    assert redaction.address("fe80::1%eth0") == "fe80::1"
    assert redaction.address("not an address") is None


def test_every_status_has_a_listed_reason() -> None:
    assert set(reasons.REASON_OF_STATUS.values()) <= set(reasons.REASONS)
    assert set(Reason) <= set(reasons.REASONS)
    entry = entries.denial(None, status=HttpResponse(status=418).status_code, refusal=None, actor=None)
    assert entry["reason"] == reasons.UNLISTED


def test_every_action_fits_its_column() -> None:
    assert all(len(name) <= 48 and len(action.vocabulary) <= 48 for name, action in rules.ACTIONS.items())
    assert all(len(reason) <= 32 for reason in reasons.REASONS)


def test_a_log_line_is_redacted_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    record = logging.LogRecord(
        "django.request", logging.ERROR, "x.py", 1, "Internal Server Error: %s (%s)",
        ("/invitations/9cfc7db0743a498882b01e381e858384df7fb286/", "a\r\nforged line token=hunter2"), None,
    )  # fmt: skip
    assert redaction.LogLine().filter(record)
    line = record.getMessage()
    assert line.startswith("Internal Server Error: /invitations/9cfc[redacted]/")
    assert "hunter2" not in line
    assert "\n" not in line


def test_a_crash_is_told_on_standard_error() -> None:
    """Django's default configuration tells nobody of a crash outside DEBUG."""
    handlers = logging.getLogger().handlers
    assert '"root": {"handlers": ["stderr"]' in json.dumps(settings.LOGGING)
    assert any(isinstance(one, redaction.LogLine) for handler in handlers for one in handler.filters)
