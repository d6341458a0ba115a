"""Does every address say what it records, and is every action recorded somewhere?"""

import ast
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

from audit import coverage, rules

ROOT = Path(__file__).resolve().parents[2]


def addresses(resolver: URLResolver, inside: tuple[str, ...] = ()) -> Iterator[str]:
    """The full name of every URL pattern below ``resolver``."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern, (*inside, pattern.namespace) if pattern.namespace else inside)
        elif isinstance(pattern, URLPattern):
            yield ":".join([*inside, pattern.name or f"nameless {pattern.pattern}"])


def test_every_address_declares_its_entry_or_why_it_leaves_none() -> None:
    """L37: an address that nobody thought of is a gap in the trail. Add it to ENTRIES or EXEMPT in audit/coverage.py."""
    declared = set(coverage.ENTRIES) | set(coverage.EXEMPT)
    served = set(addresses(get_resolver()))
    assert served
    assert served - declared == set()


def test_nothing_is_declared_that_is_not_served() -> None:
    assert (set(coverage.ENTRIES) | set(coverage.EXEMPT)) - set(addresses(get_resolver())) == set()


def test_no_address_is_declared_both_ways() -> None:
    assert set(coverage.ENTRIES) & set(coverage.EXEMPT) == set()


def test_every_declared_action_is_listed_and_every_listed_fact_is_declared() -> None:
    recorded = {action for actions in coverage.ENTRIES.values() for action in actions}
    assert recorded <= set(rules.ACTIONS)
    refusals = {name for name in rules.ACTIONS if name.endswith(("refused", "failed", "throttled", "spoofed"))}
    assert set(rules.ACTIONS) - refusals == (recorded | coverage.BACKGROUND) - refusals


def test_the_audit_cannot_be_switched_off() -> None:
    """L37: no setting decides whether anything is recorded."""
    assert not [name for name in dir(settings) if "AUDIT" in name and name != "DATABASE_AUDIT_URL"]
    assert "audit" in settings.INSTALLED_APPS
    assert "accounts.middleware.DenialMiddleware" in settings.MIDDLEWARE


def test_every_refusal_in_the_source_uses_listed_words() -> None:
    """A word outside the closed lists would be recorded as "unlisted", where no filter and no alarm finds it."""
    words = set()
    for path in (
        path for app in ("accounts", "agents", "conversations", "files") for path in (ROOT / app).rglob("*.py")
    ):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            if getattr(node.func, "id", getattr(node.func, "attr", "")) == "Refusal" and len(node.args) > 1:
                words.add(node.args[1])
            words |= {keyword.value for keyword in node.keywords if keyword.arg == "action"}
    constants = {node.value for node in words if isinstance(node, ast.Constant) and "." in str(node.value)}
    assert "request.refused" in constants
    assert constants <= set(rules.ACTIONS)
