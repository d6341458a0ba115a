"""Does every address say what it records, and is every action recorded somewhere?"""

import ast
from pathlib import Path

from django.conf import settings

from audit import coverage, described, rules

ROOT = Path(__file__).resolve().parents[2]


def served() -> set[str]:
    return {name for name, _ in described.addresses()}


def test_every_address_declares_its_entry_or_why_it_leaves_none() -> None:
    """L37: an address that nobody thought of is a gap in the trail. Add it to ENTRIES or EXEMPT in audit/coverage.py."""
    declared = set(coverage.ENTRIES) | set(coverage.EXEMPT)
    assert served()
    assert served() - declared == set()


def test_nothing_is_declared_that_is_not_served() -> None:
    assert (set(coverage.ENTRIES) | set(coverage.EXEMPT)) - served() == set()


def test_no_address_is_declared_both_ways() -> None:
    assert set(coverage.ENTRIES) & set(coverage.EXEMPT) == set()


def test_every_declared_action_is_listed_and_every_listed_fact_is_declared() -> None:
    recorded = {action for actions in coverage.ENTRIES.values() for action in actions}
    assert recorded <= set(rules.ACTIONS)
    refusals = {name for name in rules.ACTIONS if name.endswith(("refused", "failed", "throttled", "spoofed"))}
    assert set(rules.ACTIONS) - refusals == (recorded | coverage.BACKGROUND) - refusals


def test_the_document_says_what_the_lists_say() -> None:
    """L37: whoever reviews what is recorded reads the document and not the source."""
    kept = (ROOT / "docs/audit-events.md").read_text()
    assert kept == described.written(), "run: manage.py describe_events > docs/audit-events.md"
    assert all(f"`{name}`" in kept for name in served())


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
