"""Does a model that would stand outside the fence stop the start?"""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db import models
from django.test.utils import isolate_apps

from accounts import checks
from accounts.grants import UNFENCED_TABLES
from accounts.tenancy.models import WorkspaceForeignKey, WorkspaceModel


def ids(model: type[models.Model]) -> list[str | None]:
    return [message.id for message in checks.problems_of(model)]


def test_it_finds_nothing_in_the_house() -> None:
    assert checks.models_are_fenced(None) == []


def test_it_looked_at_every_floor() -> None:
    looked_at = {model._meta.app_label for app in checks.FLOORS for model in apps.get_app_config(app).get_models()}
    assert looked_at >= {"accounts", "files", "agents", "conversations"}


@isolate_apps("files")
def test_it_reports_a_model_without_a_workspace() -> None:
    class Stray(models.Model):
        class Meta:
            app_label = "files"

    assert ids(Stray) == ["accounts.E001"]


@isolate_apps("files")
def test_it_reports_a_manager_that_is_not_fenced() -> None:
    class Loose(WorkspaceModel):
        objects = models.Manager()  # type: ignore[assignment]  # what the check is for

        class Meta:
            app_label = "files"

    assert ids(Loose) == ["accounts.E002", "accounts.E002"]


@isolate_apps("files")
def test_it_reports_a_unique_that_spans_workspaces() -> None:
    class Named(WorkspaceModel):
        name = models.CharField(max_length=10, unique=True)

        class Meta:
            app_label = "files"

    assert ids(Named) == ["accounts.E003"]


@isolate_apps("files", "accounts")
def test_it_reports_a_plain_foreign_key_between_workspace_models() -> None:
    class Parent(WorkspaceModel):
        class Meta:
            app_label = "files"

    class Child(WorkspaceModel):
        good = WorkspaceForeignKey(Parent, models.CASCADE, related_name="+")
        bad = models.ForeignKey(Parent, models.CASCADE, related_name="+")

        class Meta:
            app_label = "files"

    assert ids(Child) == ["accounts.E004"]


@isolate_apps("files", "agents")
def test_it_reports_a_reference_upwards_and_a_hidden_table() -> None:
    class Upper(WorkspaceModel):
        class Meta:
            app_label = "agents"

    class Lower(WorkspaceModel):
        up = WorkspaceForeignKey(Upper, models.CASCADE, related_name="+")
        many: Any = models.ManyToManyField(Upper, related_name="+")

        class Meta:
            app_label = "files"

    assert ids(Lower) == ["accounts.E005", "accounts.E006"]


@pytest.mark.parametrize("table", sorted(UNFENCED_TABLES))
def test_every_unfenced_table_has_a_reason(table: str) -> None:
    assert len(UNFENCED_TABLES[table]) > 8


WORKOS = {
    "WORKOS_API_KEY": "sk_test_1",
    "WORKOS_CLIENT_ID": "client_1",
    "WORKOS_ISSUER": "https://api.workos.com/user_management/client_1",
    "WORKOS_WEBHOOK_SECRET": "",
    "WORKOS_BASE_URL": "https://api.workos.com",
    "PUBLIC_URL": "https://aiaxis.example",
    "PASSWORDS": "local",
}
CASES: list[tuple[dict[str, str], list[str], str]] = [
    ({}, [], ""),
    ({"WORKOS_API_KEY": "", "WORKOS_CLIENT_ID": "", "WORKOS_ISSUER": ""}, [], ""),
    ({"WORKOS_CLIENT_ID": ""}, ["accounts.E010"], "WORKOS_CLIENT_ID missing"),
    ({"WORKOS_CLIENT_ID": "", "WORKOS_ISSUER": ""}, ["accounts.E010"], "WORKOS_CLIENT_ID and WORKOS_ISSUER"),
    (
        {"WORKOS_API_KEY": "", "WORKOS_CLIENT_ID": "", "WORKOS_ISSUER": "", "PASSWORDS": "workos"},
        ["accounts.E011"],
        "PASSWORDS",
    ),
    ({"WORKOS_API_KEY": "client_1"}, ["accounts.W010"], "WORKOS_API_KEY"),
    ({"WORKOS_CLIENT_ID": "sk_test_1"}, ["accounts.W010"], "WORKOS_CLIENT_ID"),
    ({"WORKOS_ISSUER": "client_1"}, ["accounts.W010"], "WORKOS_ISSUER"),
    ({"WORKOS_WEBHOOK_SECRET": "sk_test_1"}, ["accounts.W010"], "WORKOS_WEBHOOK_SECRET"),
    ({"PUBLIC_URL": "http://10.0.0.7:8000"}, ["accounts.W010"], "PUBLIC_URL"),
]


@pytest.mark.parametrize(("changes", "expected", "says"), CASES, ids=lambda case: ",".join(case) if case else "-")
def test_it_names_what_workos_lacks_or_what_looks_wrong(
    changes: dict[str, str], expected: list[str], says: str, settings: Any
) -> None:
    """And quotes no value: half of them are secrets."""
    for name, value in {**WORKOS, **changes}.items():
        setattr(settings, name, value)
    found = checks.workos_is_whole(None)
    assert [message.id for message in found] == expected
    assert all(says in message.msg and message.hint for message in found)
    assert "sk_test_1" not in "".join(message.msg + str(message.hint) for message in found)
