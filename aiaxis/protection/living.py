"""What is true for one workspace at this moment, row by row? In sentences, from what was read (`facts.py`)."""

from __future__ import annotations

from accounts.templatetags.look import moment
from aiaxis.protection.facts import COUNTED_TO, Checked, Fact, Live, Proof


def facts(live: Live) -> dict[str, list[Fact]]:
    """For each row of the promise, what was found; rows about which nothing lives are left out."""
    return {
        "P2": [_rules(live)],
        "P5": [_tables(live), _latest(live.latest), _attacked(live.attacked)],
        "P6": [_entries(live), _sealed(live), *_checks(live), _kept(live)],
        "P7": [_operators(live), _channels(live)],
        "P9": [_providers(live), _tools(live), _visits(live)],
    }


def _rules(live: Live) -> Fact:
    name = live.workspace.name
    if live.workspace.requires_sso:
        return Fact("Rule of this workspace", f"{name} insists on single sign-on: every other way in is closed.", "ok")
    connected = "is connected to its organisation, and" if live.workspace.organization_id else "is not connected, and"
    return Fact(
        "Rule of this workspace", f"{name} {connected} takes every way in that is on. An owner can insist on more."
    )


def _tables(live: Live) -> Fact:
    rest = live.tables - live.fenced
    return Fact(
        "Tables",
        f"{live.fenced} are fenced for everybody, the tables’ owner too. The other {rest} hold nothing of a workspace’s "
        "content: counters, keyed hashes, and what belongs to the installation; each is on a list with its reason.",
        "ok",
    )


def _latest(proof: Proof | None) -> Fact:
    name = "Proof"
    if proof is None:
        return Fact(name, "The database has not been asked yet; it is at the next start.", "warning")
    if not proof.holds:
        return Fact(name, f"{moment(proof.at)}: the database is not as written. Ask whoever runs this.", "danger")
    return Fact(
        name,
        f"{moment(proof.at)}: {proof.tables} tables and partitions of PostgreSQL {proof.server_version} are what was written. "
        "It is asked at every start, and nothing is served when it does not hold.",
        "ok",
    )


def _attacked(proof: Proof | None) -> Fact:
    name = "Attacks"
    if proof is None:
        text = "The attacks have not been tried on this deployment yet. Ask whoever runs it to do so."
        return Fact(name, text, "notice")
    if not proof.holds:
        return Fact(name, f"{moment(proof.at)}: not every attack was refused. Ask whoever runs this.", "danger")
    return Fact(
        name,
        f"{moment(proof.at)}: {proof.attacks} attacks in {proof.tries} tries, from one workspace on another and on colleagues’ "
        f"private rows. Leaks: {proof.leaks}.",
        "ok",
    )


def _entries(live: Live) -> Fact:
    number = f"{live.entries:,}" if live.entries <= COUNTED_TO else f"More than {COUNTED_TO:,}"
    return Fact("Entries of this workspace", f"{number} in the trail.")


def _sealed(live: Live) -> Fact:
    if live.seals_are_late:
        return Fact("Seals", "Late: entries wait for longer than three minutes. Ask whoever runs this.", "warning")
    until = f" Your trail is sealed up to {moment(live.sealed_until)}." if live.sealed_until else ""
    return Fact("Seals", f"In time.{until} A signed checkpoint of each also lies outside the database.", "ok")


def _checks(live: Live) -> list[Fact]:
    return [
        _check("Check of the whole record", live.check_of_all, "Operators have not had it checked yet."),
        _check(
            "Check of this workspace’s trail",
            live.check_of_own,
            "Nobody here has asked for one yet. Owners and administrators can, under Trail.",
        ),
    ]


def _check(name: str, found: Checked | None, never: str) -> Fact:
    if found is None:
        return Fact(name, never, "notice")
    if not found.holds:
        return Fact(name, f"{moment(found.at)}: something is not what was sealed. Ask whoever runs this.", "danger")
    return Fact(name, f"{moment(found.at)}: nothing was changed, removed, moved or added since it was sealed.", "ok")


def _kept(live: Live) -> Fact:
    return Fact("How long entries are kept", f"{live.retention.retention.label}, by whole months.")


def _operators(live: Live) -> Fact:
    if live.operators_are_told:
        return Fact("Operations team", "Told by a channel of its own, besides its console.", "ok")
    text = "No channel is configured: alarms stand in the console and the server’s log until somebody looks."
    return Fact("Operations team", text, "notice")


def _channels(live: Live) -> Fact:
    if live.own_channels:
        return Fact("This workspace", f"Channels of its own that are told: {live.own_channels}.", "ok")
    return Fact("This workspace", "It has no channel of its own. Owners and administrators can add one, under Trail.")


def _providers(live: Live) -> Fact:
    if not live.providers:
        text = "None. Agents quote your files word for word, and no word of yours leaves this installation for a model."
        return Fact("Language models", text, "ok")
    named = "; ".join(f"{name} ({host})" for name, host in live.providers)
    return Fact(
        "Language models",
        f"Questions to agents that use them, with the passages found for these, go to: {named}. Nobody else is sent anything.",
        "notice",
    )


def _tools(live: Live) -> Fact:
    if not live.tools:
        return Fact("Tools", "None. No agent calls anything outside of this installation.", "ok")
    named = "; ".join(f"{name} ({host})" for name, host in live.tools)
    return Fact(
        "Tools",
        f"Agents that have them call tools of: {named}. Those are sent what a model writes for them, and nothing else.",
        "notice",
    )


def _visits(live: Live) -> Fact:
    if not live.visits or live.last_visit is None:
        return Fact("Visits of operators to your content", "None in the last 90 days.", "ok")
    return Fact(
        "Visits of operators to your content",
        f"In the last 90 days: {live.visits}, of {live.visit_pages} pages, the last on {moment(live.last_visit)}. Each page is "
        "an entry of your trail, and the owners were mailed.",
        "notice",
    )
