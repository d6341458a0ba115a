"""What does each address leave in the trail, as one table for people? `docs/audit-events.md` is this text.

It is made of the two lists that the tests hold true: `audit/coverage.py` and `audit/rules.py`.
"""

from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver

from audit import coverage, reasons, rules

HEAD = """# What stands in the trail

Made by `manage.py describe_events > docs/audit-events.md`; a test fails when it is not what the code says.

Whatever is refused or fails (401, 403, 404, 429, 500, 503, and each check that names a reason) is an entry at **every**
address, written by one middleware: `accounts/middleware/denial.py`. The tables say what is recorded besides, when a request is
allowed.
"""


def written() -> str:
    """The whole document."""
    return "\n".join(
        [HEAD, *_addresses(), "", *_exemptions(), "", *_background(), "", *_actions(), "", *_reasons(), ""]
    )


def addresses(
    resolver: URLResolver | None = None, inside: tuple[str, ...] = (), before: str = "/"
) -> Iterator[tuple[str, str]]:
    """The full name of every URL pattern, and the address that it stands for."""
    for pattern in (resolver or get_resolver()).url_patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern, (*inside, pattern.namespace) if pattern.namespace else inside, path)
        elif isinstance(pattern, URLPattern):
            yield ":".join([*inside, pattern.name or f"nameless {pattern.pattern}"]), path


def _addresses() -> list[str]:
    rows = [
        f"| `{path}` | `{name}` | {', '.join(f'`{action}`' for action in coverage.ENTRIES[name])} |"
        for name, path in sorted(addresses())
        if name in coverage.ENTRIES
    ]
    return ["## Addresses that leave an entry", "", "| address | name | entries |", "| --- | --- | --- |", *rows]


def _exemptions() -> list[str]:
    rows = [
        f"| `{path}` | `{name}` | {coverage.EXEMPT[name]} |"
        for name, path in sorted(addresses())
        if name in coverage.EXEMPT
    ]
    head = "## Addresses that leave none when they are allowed"
    return [head, "", "| address | name | why |", "| --- | --- | --- |", *rows]


def _background() -> list[str]:
    rows = [f"| `{name}` | {rules.action_words(name)} |" for name in sorted(coverage.BACKGROUND)]
    return ["## Entries that no address causes by itself", "", "| entry | in words |", "| --- | --- |", *rows]


def _actions() -> list[str]:
    rows = [
        f"| `{name}` | {action.words} | `{action.vocabulary}` | {action.severity.label} |"
        for name, action in sorted(rules.ACTIONS.items())
    ]
    head = ["## Every action", "", "Beside each its name in OWASP's Logging Vocabulary, and its usual severity.", ""]
    return [*head, "| action | in words | OWASP | severity |", "| --- | --- | --- | --- |", *rows]


def _reasons() -> list[str]:
    rows = [f"| `{name}` | {words} |" for name, words in sorted(reasons.REASONS.items()) if name]
    return ["## Why something was refused", "", "| reason | in words |", "| --- | --- |", *rows]
