"""For which workspace, and for which member of it, does the running code act?

A ContextVar, so that threads start with nothing bound and asynchronous tasks copy their parent's. Both values come from
a verified credential (or from a job's seal), never from a request's content.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final

WHOLE: Final = "*"
"""In a seal's member place: work for the whole workspace (export, retention, hand-over), by allow-listed services only."""
GLASS: Final = "glass."
"""Begins a seal's member place for an operator's visit. No member's id begins so."""


class NoWorkspace(RuntimeError):
    """Code asked for a workspace's data while none was bound. There is no default: absence raises (L45)."""


class CrossWorkspaceTransaction(RuntimeError):
    """One transaction was used for two workspaces or two members. Each transaction belongs to exactly one."""


@dataclass(frozen=True, slots=True)
class Glass:
    """By which visit, in which operator's session, somebody of no workspace reads one workspace's content."""

    visit: uuid.UUID
    session: uuid.UUID


@dataclass(frozen=True, slots=True)
class Binding:
    """The workspace and member that the running code acts for; `member` is None for whole-workspace work, and for a visit."""

    workspace: uuid.UUID
    member: uuid.UUID | None
    glass: Glass | None = None


_binding: ContextVar[Binding | None] = ContextVar("aiaxis_binding", default=None)


def bound() -> Binding | None:
    """Return what is bound, or None. Only the backend and the job runner have a reason to ask without wanting an error."""
    return _binding.get()


def current() -> Binding:
    """Return what is bound; raise NoWorkspace when nothing is."""
    binding = _binding.get()
    if binding is None:
        raise NoWorkspace("No workspace is bound: wrap this code in accounts.tenancy.context.workspace(…).")
    return binding


def current_workspace_id() -> uuid.UUID:
    """Return the bound workspace's id; raise NoWorkspace when nothing is bound."""
    return current().workspace


def current_member_id() -> uuid.UUID:
    """Return the bound member's id; raise NoWorkspace when nothing, or the whole workspace, is bound."""
    member = current().member
    if member is None:
        raise NoWorkspace("No member is bound: the code acts for the whole workspace, or looks through broken glass.")
    return member


@contextmanager
def _bind(binding: Binding) -> Iterator[Binding]:
    token = _binding.set(binding)
    try:
        yield binding
    finally:
        _binding.reset(token)


@contextmanager
def workspace(workspace_id: uuid.UUID, member_id: uuid.UUID) -> Iterator[Binding]:
    """Run the block as this member of this workspace. Never `yield` to a caller from inside it: the binding would leak."""
    _require_ids(workspace_id, member_id)
    with _bind(Binding(workspace_id, member_id)) as binding:
        yield binding


@contextmanager
def whole_workspace(workspace_id: uuid.UUID) -> Iterator[Binding]:
    """Run the block for the whole workspace, past the member policies. Allow-listed services only (a test counts them)."""
    _require_ids(workspace_id)
    with _bind(Binding(workspace_id, None)) as binding:
        yield binding


@contextmanager
def through_glass(workspace_id: uuid.UUID, *, visit: uuid.UUID, session: uuid.UUID) -> Iterator[Binding]:
    """Run the block as an operator's visit: it reads what the database finds open for this visit and session, and writes nothing."""
    _require_ids(workspace_id, visit, session)
    with _bind(Binding(workspace_id, None, Glass(visit, session))) as binding:
        yield binding


def _require_ids(*given: object) -> None:
    # A string that happens to look right would bind, and then compare unequal to everything.
    if not all(isinstance(one, uuid.UUID) for one in given):
        raise TypeError("A workspace and a member are bound by their UUIDs.")


@lru_cache(maxsize=4096)
def seal(binding: Binding, key: bytes) -> str:
    """Return `workspace.member.mac`, which only a holder of the key can make and `fence.current_workspace()` verifies.

    For an operator's visit it is `workspace.glass.visit.session.mac`, of which the database asks more (`glass.py`). The nested keyed SHA-256 is what PostgreSQL can compute without an extension (`sha256(bytea)` is built in).
    """
    if binding.glass:
        actor = f"{GLASS}{binding.glass.visit.hex}.{binding.glass.session.hex}"
    else:
        actor = binding.member.hex if binding.member else WHOLE
    payload = f"{binding.workspace.hex}.{actor}"
    inner = sha256(key + payload.encode()).digest()
    return f"{payload}.{sha256(key + inner).hexdigest()}"
