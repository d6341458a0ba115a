"""What may an API key do, and what may it never do more than its member?"""

from __future__ import annotations

from django.db import models

from accounts.models import Role


class Scope(models.TextChoices):
    """One thing that a key can be allowed, alphabetically. ``:write`` does not include ``:read``."""

    AGENTS_READ = "agents:read", "See agents"
    AGENTS_WRITE = "agents:write", "Make, change and delete agents"
    AUDIT_READ = "audit:read", "Read the workspace's trail"
    CONVERSATIONS_READ = "conversations:read", "See conversations and their answers"
    CONVERSATIONS_WRITE = "conversations:write", "Ask questions, and delete conversations"
    FILES_READ = "files:read", "See and download files"
    FILES_WRITE = "files:write", "Upload, tag and delete files"
    MEMBERS_READ = "members:read", "See who belongs to the workspace"
    SEARCH_READ = "search:read", "Search in files"
    USAGE_READ = "usage:read", "See how much is used"


EVERY = frozenset(scope.value for scope in Scope)
_OF_KEEPERS = frozenset({Scope.AUDIT_READ.value})
_READING = frozenset(scope for scope in EVERY if scope.endswith(":read"))


def within(role: Role) -> frozenset[str]:
    """The scopes that a member of this role can give to a key, or use in a browser."""
    # A viewer's key that could write would be the viewer's way round the role.
    allowed = _READING if role is Role.VIEWER else EVERY
    # The trail tells what every colleague did: only those who may read its page may let a key read it.
    return allowed if role.rank >= Role.ADMIN.rank else allowed - _OF_KEEPERS
