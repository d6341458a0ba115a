"""Which models does the fence guard, and what did they promise the database?"""

from __future__ import annotations

from django.apps import apps
from django.db import router
from django.db.models import CheckConstraint, Model

from accounts.tenancy.constraints import CompositeForeignKey, DatabaseRule, MemberPolicy, RowLevelSecurity

OWNER_ALIAS = "owner"


def platform_models() -> list[type[Model]]:
    """List the models whose tables stand in the platform's database."""
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if not model._meta.proxy and router.allow_migrate_model(OWNER_ALIAS, model)
    ]


def fenced_models() -> dict[str, type[Model]]:
    """Return the models with a policy of their own, by table."""
    return {
        model._meta.db_table: model
        for model in platform_models()
        if any(isinstance(constraint, RowLevelSecurity) for constraint in model._meta.constraints)
    }


def policies_of(model: type[Model]) -> list[DatabaseRule]:
    """List what writes this model's policies."""
    return [rule for rule in model._meta.constraints if isinstance(rule, RowLevelSecurity | MemberPolicy)]


def checks_of(model: type[Model]) -> list[CheckConstraint]:
    """List the model's own check constraints."""
    return [rule for rule in model._meta.constraints if isinstance(rule, CheckConstraint)]


def composite_keys_of(model: type[Model]) -> list[CompositeForeignKey]:
    """List the foreign keys that carry the workspace."""
    return [rule for rule in model._meta.constraints if isinstance(rule, CompositeForeignKey)]
