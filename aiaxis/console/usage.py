"""How much of everything does a workspace have, whose is it, and when was it last used? Counts and moments, never a name of what is in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, Now

from accounts.models import ApiKey, Membership, Role, Session, Workspace
from accounts.operators import across
from agents.models import Agent
from audit.models import Entry
from conversations.models import Conversation
from files import quota
from files.models import File


@dataclass(slots=True)
class Usage:
    """What a row of the list shows."""

    members: int = 0
    files: int = 0
    bytes: int = 0
    # The most it may keep, and whether that is nearly all used.
    most_bytes: int = 0
    is_nearly_full: bool = False
    conversations: int = 0


@dataclass(frozen=True, slots=True)
class Details:
    """What a workspace's page shows."""

    members: list[tuple[str, int]]
    owners: list[Membership]
    files: list[tuple[str, int]]
    bytes: int
    storage: quota.Storage
    agents: int
    conversations: int
    sessions: int
    keys: int
    last: datetime | None
    suspended: int


def searched(words: str, status: str) -> QuerySet[Workspace]:
    """The workspaces whose name or short name holds the words, in this state."""
    found = across(Workspace)
    if words:
        found = found.filter(Q(name__icontains=words) | Q(slug__icontains=words))
    return found.filter(status=status) if status else found


def of_page(workspaces: Sequence[Workspace]) -> list[tuple[Workspace, Usage]]:
    """Each workspace with what it has, in three questions for all of them."""
    ids = [one.pk for one in workspaces]
    found = {key: Usage() for key in ids}
    for row in _by_workspace(across(Membership).filter(status=Membership.Status.ACTIVE), ids):
        found[row["workspace_id"]].members = row["count"]
    for row in _by_workspace(across(File), ids, bytes=Coalesce(Sum("size"), 0)):
        found[row["workspace_id"]].files, found[row["workspace_id"]].bytes = row["count"], row["bytes"]
    for row in _by_workspace(_conversations(), ids):
        found[row["workspace_id"]].conversations = row["count"]
    for one in workspaces:
        used = found[one.pk]
        kept = quota.limited(used.bytes, used.files, one.most_bytes, one.most_files)
        used.most_bytes, used.is_nearly_full = kept.most_bytes, kept.is_nearly_full
    return [(one, found[one.pk]) for one in workspaces]


def limits(workspace: Workspace) -> dict[str, int | None]:
    """What an operator set for it, as the form shows it; empty where the installation's settings count."""
    most = workspace.most_bytes
    return {"most_megabytes": None if most is None else most // quota.MEGABYTE, "most_files": workspace.most_files}


def details(workspace: Workspace) -> Details:
    """What one workspace has; in five questions, however much that is."""
    members = across(Membership).filter(workspace_id=workspace.pk)
    by_role = members.filter(status=Membership.Status.ACTIVE).values_list("role").annotate(count=Count("pk"))
    by_status = (
        across(File).filter(workspace_id=workspace.pk).values("status").annotate(count=Count("pk"), sum=Sum("size"))
    )
    files = sorted(by_status.order_by(), key=lambda row: list(File.Status.values).index(row["status"]))
    roles: dict[str, int] = dict(by_role.order_by())
    numbers = _numbers(workspace.pk)
    used = sum(row["sum"] or 0 for row in files)
    kept = sum(row["count"] for row in files)
    return Details(
        members=[(str(role.label), roles[role.value]) for role in Role if role.value in roles],
        owners=list(
            members.filter(status=Membership.Status.ACTIVE, role=Role.OWNER)
            .only("id", "user_id", "display_name", "email")
            .order_by("id")[:20]
        ),
        files=[(str(File.Status(row["status"]).label), row["count"]) for row in files],
        bytes=used,
        storage=quota.limited(used, kept, workspace.most_bytes, workspace.most_files),
        **numbers,
    )


def _numbers(workspace_id: UUID) -> dict[str, Any]:
    """Six numbers in one question."""
    live = Q(revoked_at__isnull=True) & (Q(expires_at__isnull=True) | Q(expires_at__gt=Now()))
    latest = across(Entry).filter(workspace_id=OuterRef("pk")).order_by("-id").values("occurred_at")[:1]
    numbers: dict[str, Any] = dict(
        across(Workspace)
        .filter(pk=workspace_id)
        .values(
            agents=_count(across(Agent)),
            conversations=_count(_conversations()),
            sessions=_count(across(Session).filter(live, idle_until__gt=Now())),
            keys=_count(across(ApiKey).filter(live)),
            suspended=_count(across(Membership).filter(status=Membership.Status.SUSPENDED)),
            last=Subquery(latest),
        )
        .get()
    )
    return numbers


def _conversations() -> QuerySet[Conversation]:
    """Those that are kept: what is temporary, a program's call or a try of an agent is no conversation that a workspace has."""
    return across(Conversation).filter(erased_after=None)


def _count(found: QuerySet[Any]) -> Coalesce:
    counted = (
        found.filter(workspace_id=OuterRef("pk"))
        .order_by()
        .values("workspace_id")
        .annotate(count=Count("pk"))
        .values("count")
    )
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def _by_workspace(found: QuerySet[Any], ids: list[UUID], **sums: Any) -> list[dict[str, Any]]:
    return list(
        found.filter(workspace_id__in=ids).order_by().values("workspace_id").annotate(count=Count("pk"), **sums)
    )
