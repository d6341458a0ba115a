"""Is every model fenced, does every reference point down, and can what a setting names be used?

Asked before the server starts, at each command.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's name for it
from django.db import models

from accounts.grants import UNFENCED_TABLES
from accounts.identity import breaches
from accounts.routers import IDENTITY_APPS
from accounts.tenancy.constraints import RowLevelSecurity
from accounts.tenancy.models import TenantManager, WorkspaceForeignKey, WorkspaceModel

FLOORS: Final = ("accounts", "files", "agents", "conversations", "audit")
"""From the ground up (docs/architecture.md): an app may refer to those before it."""


def models_are_fenced(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report every model that could hold a customer's row outside the fence."""
    ours = (model for app in FLOORS for model in apps.get_app_config(app).get_models(include_auto_created=True))
    return [message for model in ours for message in problems_of(model)]


def breach_list_is_usable(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report a list of breached passwords that is configured and cannot be used: no password would be accepted."""
    path = settings.BREACHED_PASSWORDS_FILE
    wrong = breaches.problem_with(path) if path else ""
    if not wrong:
        return []
    return [
        Error(
            f"BREACHED_PASSWORDS_FILE: {path} {wrong}.",
            hint="Point it to a sorted file of “SHA-1:count” lines that this user can read, or unset it.",
            id="accounts.E007",
        )
    ]


def problems_of(model: type[models.Model]) -> Iterator[CheckMessage]:
    """Yield what is wrong with one model."""
    if model._meta.app_label in IDENTITY_APPS or not model._meta.managed:
        return
    if issubclass(model, WorkspaceModel):
        yield from _manager_problems(model)
        yield from _uniqueness_problems(model)
    elif model._meta.db_table not in UNFENCED_TABLES and not _has_row_security(model):
        yield Error(
            f"{model._meta.label} is neither a WorkspaceModel nor under row-level security.",
            hint="Inherit from accounts.tenancy.models.WorkspaceModel, or list the table, with its reason, in accounts/grants.py.",
            obj=model,
            id="accounts.E001",
        )
    yield from _relation_problems(model)


def _has_row_security(model: type[models.Model]) -> bool:
    """A partitioned table's policies stand in its migration, which the model names; the proof reads the catalogue anyway."""
    return hasattr(model, "row_security_migration") or any(
        isinstance(constraint, RowLevelSecurity) for constraint in model._meta.constraints
    )


def _manager_problems(model: type[WorkspaceModel]) -> Iterator[CheckMessage]:
    managers: dict[str, models.Manager[Any]] = {
        "default": model._meta.default_manager or models.Manager(),
        "base": model._meta.base_manager,
    }
    for kind, manager in managers.items():
        if not isinstance(manager, TenantManager):
            yield Error(
                f"The {kind} manager of {model._meta.label} is not a TenantManager.",
                hint="Build it with TenantManager.from_queryset(…).",
                obj=model,
                id="accounts.E002",
            )


def _uniqueness_problems(model: type[WorkspaceModel]) -> Iterator[CheckMessage]:
    """A unique that spans workspaces tells a stranger that somebody elsewhere has the value."""
    unique_sets: list[Iterable[str]] = [
        constraint.fields for constraint in model._meta.constraints if isinstance(constraint, models.UniqueConstraint)
    ]
    unique_sets += list(model._meta.unique_together)
    unique_sets += [(field.name,) for field in model._meta.local_fields if field.unique and not field.primary_key]
    for fields in unique_sets:
        if next(iter(fields), None) != "workspace":
            yield Error(
                f"A unique of {model._meta.label} does not begin with the workspace: {', '.join(fields)}.",
                hint="Begin it with `workspace`.",
                obj=model,
                id="accounts.E003",
            )


def _relation_problems(model: type[models.Model]) -> Iterator[CheckMessage]:
    for field in model._meta.local_fields:
        target = field.related_model
        if not isinstance(target, type):
            continue
        if (
            issubclass(model, WorkspaceModel)
            and issubclass(target, WorkspaceModel)
            and not isinstance(field, WorkspaceForeignKey)
        ):
            yield Error(
                f"{model._meta.label}.{field.name} refers to a workspace's row without its workspace.",
                hint="Use WorkspaceForeignKey.",
                obj=model,
                id="accounts.E004",
            )
        if _floor(target) > _floor(model):
            yield Error(
                f"{model._meta.label}.{field.name} refers upwards, to {target._meta.label}.",
                hint="References point down: accounts < files < agents < conversations < audit.",
                obj=model,
                id="accounts.E005",
            )
    if model._meta.local_many_to_many:
        yield Error(
            f"{model._meta.label} has a many-to-many field; its hidden table would have no workspace.",
            hint="Write the table between as a WorkspaceModel of its own.",
            obj=model,
            id="accounts.E006",
        )


WORKOS_SETTINGS: Final = ("WORKOS_API_KEY", "WORKOS_CLIENT_ID", "WORKOS_ISSUER")


def workos_is_whole(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report what is missing for WorkOS, or looks as if it were another setting's value. No value is quoted: some are secrets."""
    missing = [name for name in WORKOS_SETTINGS if not getattr(settings, name)]
    if len(missing) == len(WORKOS_SETTINGS):
        return list(_unused_problems())
    if missing:
        return [
            Error(
                f"WorkOS is configured in part: {' and '.join(missing)} missing.",
                hint="Set it, or unset the others. Until then nobody can come in by single sign-on.",
                id="accounts.E010",
            )
        ]
    return list(_odd_problems())


def _unused_problems() -> Iterator[CheckMessage]:
    if settings.PASSWORDS == "workos":
        yield Error(
            "PASSWORDS says that WorkOS verifies passwords, and WorkOS is not configured.",
            hint=f"Set {', '.join(WORKOS_SETTINGS)}, or PASSWORDS=local.",
            id="accounts.E011",
        )
    if settings.WORKOS_WEBHOOK_SECRET:
        yield _odd("WORKOS_WEBHOOK_SECRET is set, and WorkOS is not configured.", "Set the rest, or unset it.")


def _odd_problems() -> Iterator[CheckMessage]:
    if not settings.WORKOS_API_KEY.startswith("sk_"):
        yield _odd("WORKOS_API_KEY does not begin with sk_.", "Take it from the page “API keys” of your environment.")
    if not settings.WORKOS_CLIENT_ID.startswith("client_"):
        yield _odd(
            "WORKOS_CLIENT_ID does not begin with client_.", "Take it from the same page of the same environment."
        )
    if not settings.WORKOS_ISSUER.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        yield _odd(
            "WORKOS_ISSUER is not an https:// address.", "Take the claim `iss` of an access token of your environment."
        )
    if settings.WORKOS_WEBHOOK_SECRET and settings.WORKOS_WEBHOOK_SECRET == settings.WORKOS_API_KEY:
        yield _odd("WORKOS_WEBHOOK_SECRET is the API key.", "Take it from the page of the webhook's endpoint.")
    is_remote = settings.WORKOS_BASE_URL.startswith("https://")
    if is_remote and settings.PUBLIC_URL.startswith("http://"):
        yield _odd(
            "PUBLIC_URL is plain http, and people come back from WorkOS to it.",
            "Put a proxy that ends TLS in front, and set PUBLIC_URL to its https:// address.",
        )


def _odd(words: str, hint: str) -> CheckMessage:
    return Warning(words, hint=hint, id="accounts.W010")


def _floor(model: type[models.Model]) -> int:
    return FLOORS.index(model._meta.app_label) if model._meta.app_label in FLOORS else -1
