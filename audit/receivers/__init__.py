"""What does the audit hear, and what does it keep of it?

One short function for each signal of each app. A receiver names the facts that it keeps: what a signal carries besides
is not recorded. Facts are stored in the sender's transaction, so they raise; denials are spooled, so they never do.
"""

from audit.receivers import (
    checks,
    content,
    denials,
    exports,
    glass,
    operators,
    people,
    sign_ins,
    tools,
    vendors,
    workspaces,
)

__all__ = [
    "checks",
    "content",
    "denials",
    "exports",
    "glass",
    "operators",
    "people",
    "sign_ins",
    "tools",
    "vendors",
    "workspaces",
]
