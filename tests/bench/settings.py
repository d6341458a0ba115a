"""The application's own settings, and beside them what the comparison needs: Django's sessions, and a small twin database."""

from __future__ import annotations

import os

from aiaxis.settings import *  # noqa: F403 - a benchmark of other settings would measure something else
from aiaxis.settings import AUTHENTICATION_BACKENDS, DATABASES, INSTALLED_APPS

# What Django offers by itself, measured in the same process on the same server.
INSTALLED_APPS = [*INSTALLED_APPS, "django.contrib.sessions"]
AUTHENTICATION_BACKENDS = [*AUTHENTICATION_BACKENDS, "tests.bench.django_way.PlainBackend"]
DATABASE_ROUTERS = ["tests.bench.django_way.PlainRouter", "accounts.routers.RoleRouter"]
# Ten workspaces, where `default` has a thousand.
DATABASES["small"] = {**DATABASES["default"], "NAME": os.environ["BENCH_SMALL_DATABASE"]}
# The application's role without the fence's backend: for tables that have no policies.
DATABASES["plain"] = {**DATABASES["default"], "ENGINE": "django.db.backends.postgresql"}
DATABASES["small_owner"] = {**DATABASES["owner"], "NAME": os.environ["BENCH_SMALL_DATABASE"]}
# Counted as ever, and never full: a key asks more often here than any program may.
API_RATE = "1000000/m"
