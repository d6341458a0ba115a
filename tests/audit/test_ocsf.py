"""Is every entry that can stand in a trail an event that the published schema of OCSF accepts?

What the schema asks for stands in ``ocsf_1_6_0.json``: taken by hand from version 1.6.0 as it is published, and not from
what we write.
"""

import ipaddress
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from accounts.http import Refusal
from audit import entries, rules
from audit.exports import formats, ocsf
from audit.models import Entry
from tests import cast

FACTS: dict[str, Any] = json.loads((Path(__file__).parent / "ocsf_1_6_0.json").read_text())


def row(entry: entries.Entry) -> Entry:
    """The entry as it comes out of the database."""
    found = Entry(**{**entry, "id": uuid4()})
    found.occurred_at = datetime.fromisoformat(entry["occurred_at"])
    found.received_at = datetime(2026, 11, 23, 15, 4, 5, tzinfo=UTC)
    return found


def fact(action: str, **detail: object) -> Entry:
    return row(entries.fact(action, actor=cast.BOB.tenant, detail=detail))


def refused(action: str = "request.refused", reason: str = "not_found", **changes: Any) -> Entry:
    entry = entries.denial(None, status=404, refusal=Refusal(reason, action), actor=cast.BOB.tenant)
    return row({**entry, **changes})


def faults(event: dict[str, Any]) -> list[str]:
    """What of an event is not as the schema asks, in words."""
    asked = FACTS["classes"][str(event["class_uid"])]
    found = [*_unmet("event", event, asked), *_within(event)]
    found += [f"no {name}" for name in asked["recommended"] if name not in event]
    if not {*asked["required"]} <= set(event):
        return found
    if event["category_uid"] != asked["category_uid"]:
        found.append("another category")
    if event["activity_id"] not in asked["activity_id"]:
        found.append(f"no activity {event['activity_id']}")
    if event["type_uid"] != event["class_uid"] * 100 + event["activity_id"]:
        found.append("another type")
    if event["metadata"]["version"] != FACTS["version"]:
        found.append("another version")
    return found


def _unmet(where: str, value: dict[str, Any], asked: dict[str, Any]) -> Iterator[str]:
    yield from (f"{where}: no {name}" for name in asked.get("required", ()) if value.get(name) in (None, "", {}))
    for rule, most in (("at_least_one", 99), ("just_one", 1)):
        if rule in asked and not 1 <= sum(bool(value.get(name)) for name in asked[rule]) <= most:
            yield f"{where}: {rule} of {asked[rule]}"


def _within(value: dict[str, Any]) -> Iterator[str]:
    for name, inner in value.items():
        if name == "unmapped":
            continue  # ours to fill
        if name in FACTS["objects"] and isinstance(inner, dict):
            yield from _unmet(name, inner, FACTS["objects"][name])
        if name in FACTS["enums"] and inner not in FACTS["enums"][name]:
            yield f"{name}: no value {inner!r}"
        if name in FACTS["integers"] and (not isinstance(inner, int) or isinstance(inner, bool)):
            yield f"{name}: {inner!r} is no number"
        if name == "ip":
            ipaddress.ip_address(inner)
        if isinstance(inner, dict):
            yield from _within(inner)


@pytest.mark.parametrize("action", sorted(rules.ACTIONS))
def test_every_action_done_or_refused_is_a_valid_event(action: str) -> None:
    for entry in (fact(action), refused(action), refused(action, "role"), row(entries.pipeline(action, {}))):
        assert faults(ocsf.event(entry)) == []


@pytest.mark.parametrize("broken", ["metadata", "time", "user", "service", "severity_id", "src_endpoint"])
def test_the_check_would_find_what_is_missing(broken: str) -> None:
    event = ocsf.event(fact("member.signed_in"))
    assert faults(event) == []
    del event[broken]
    assert faults(event)


def test_signing_in_is_an_authentication_and_says_whose_and_how_it_ended() -> None:
    event = ocsf.event(refused("sign_in.failed", "credential", client_address="192.0.2.7", status=401))
    assert (event["class_uid"], event["type_uid"], event["status_id"]) == (3002, 300201, 2)
    assert event["user"] == {"uid": str(cast.BOB.membership_id), "name": "Bob", "type_id": 1}
    assert (event["src_endpoint"], event["status_code"]) == ({"ip": "192.0.2.7"}, "credential")
    assert ocsf.event(fact("member.signed_out"))["type_uid"] == 300202


def test_what_a_right_did_not_reach_for_is_an_authorization() -> None:
    event = ocsf.event(refused(reason="role"))
    assert (event["class_uid"], event["activity_id"], event["privileges"]) == (3003, 1, ["member"])
    made = ocsf.event(fact("key.created", scopes=["files:read", "audit:read"]))
    assert (made["class_uid"], made["status_id"]) == (3003, 1)
    assert made["privileges"] == ["files:read", "audit:read"]
    assert ocsf.event(fact("member.role_changed", before="viewer", after="admin"))["privileges"] == ["admin"]


def test_everything_else_is_api_activity_and_its_target_a_resource() -> None:
    entry = row(entries.fact("file.deleted", actor=cast.BOB.tenant))
    entry.target_type, entry.target_id, entry.request_id = "file", "f-1", uuid4()
    event = ocsf.event(entry)
    assert (event["class_uid"], event["type_uid"]) == (6003, 600304)
    assert event["resources"] == [{"type": "file", "uid": "f-1"}]
    assert event["api"]["operation"] == event["metadata"]["event_code"] == "file.deleted"
    assert event["metadata"]["correlation_uid"] == str(entry.request_id)
    assert event["metadata"]["tenant_uid"] == str(cast.ACME.id)
    assert ocsf.event(fact("file.shown"))["activity_id"] == 2
    assert ocsf.event(fact("agent.archived"))["activity_id"] == 3


def test_a_method_that_nobody_knows_is_left_out_and_a_flood_keeps_its_number() -> None:
    entry = refused(http={"method": "PWN", "path": "/x\\u202e", "headers": {"user-agent": "curl"}}, status=404)
    entry.detail = {"burst": 41}
    event = ocsf.event(entry)
    assert event["http_request"] == {"url": {"path": "/x\\u202e"}, "user_agent": "curl"}
    assert (event["http_response"], event["count"]) == ({"code": 404}, 41)
    assert faults(event) == []


def test_the_file_has_one_event_a_line() -> None:
    lines = formats.as_ocsf([fact("member.signed_in"), refused()], first=True).splitlines()
    assert [faults(json.loads(line)) for line in lines] == [[], []]
