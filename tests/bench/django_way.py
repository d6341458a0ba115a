"""What does the same request cost with what Django brings: a session row, a user row, a membership row, each by the ORM?

On the same server and tables, as the owner, whom row-level security does not concern: so neither fence nor second system is in it.
"""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import PermissionDenied
from django.db import connections, models
from django.http import HttpRequest, HttpResponse

from tests.cast import ALICE

# As `startproject` writes it.
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]


class PlainUser(AbstractBaseUser):
    """The user's row, read by the ORM."""

    password = None  # type: ignore[assignment]  # the table has none
    last_login = None
    id = models.UUIDField(primary_key=True)
    email = models.EmailField()
    display_name = models.CharField(max_length=120)
    is_active = models.BooleanField()
    is_operator = models.BooleanField()
    created_at = models.DateTimeField()
    USERNAME_FIELD = "email"
    objects: ClassVar[BaseUserManager[Any]] = BaseUserManager()

    class Meta:
        app_label = "bench"
        managed = False
        db_table = "accounts_user"

    def get_session_auth_hash(self) -> str:
        return "bench"

    def get_session_auth_fallback_hash(self) -> Any:
        return iter(())


class PlainMembership(models.Model):
    """The membership's row, with its workspace, read by the ORM."""

    id = models.UUIDField(primary_key=True)
    workspace_id = models.UUIDField()
    user_id = models.UUIDField()
    role = models.CharField(max_length=10)
    status = models.CharField(max_length=10)
    display_name = models.CharField(max_length=120)
    email = models.EmailField()

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    class Meta:
        app_label = "bench"
        managed = False
        db_table = "accounts_membership"

    def __str__(self) -> str:
        return str(self.pk)


class PlainRouter:
    """Sends the comparison's models to the owner."""

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str | None:
        return "owner" if model._meta.app_label in ("bench", "sessions") else None

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if app_label in ("bench", "sessions") else None


class PlainBackend(BaseBackend):
    """Finds the user of a Django session."""

    def get_user(self, user_id: Any) -> Any:
        return PlainUser.objects.get(pk=user_id)


def view(request: HttpRequest) -> HttpResponse:
    """Ask who is signed in and whether they belong to the workspace, then do nothing."""
    user = request.user
    if not user.is_authenticated:
        raise PermissionDenied
    PlainMembership.objects.get(user_id=user.pk, workspace_id=uuid.UUID(request.session["workspace"]), status="active")
    return HttpResponse(b"ok")


def make_session() -> str:
    """Make Django's session table and a signed-in session in it; returns the cookie's value."""
    with connections["owner"].schema_editor() as editor:
        editor.create_model(SessionStore.get_model_class())
    assert ALICE.company is not None
    session = SessionStore()
    session[SESSION_KEY] = str(ALICE.user_id)
    session[BACKEND_SESSION_KEY] = "tests.bench.django_way.PlainBackend"
    session[HASH_SESSION_KEY] = "bench"
    session["workspace"] = str(ALICE.company.id)
    session.save()
    return str(session.session_key)


def drop_sessions() -> None:
    """Remove the table again: the proof refuses to start a worker over a table that nobody declared."""
    with connections["owner"].schema_editor() as editor:
        editor.delete_model(SessionStore.get_model_class())
