"""Where do the bytes of files lie, and who looks at them for viruses? In a folder of this machine or an object store; ClamAV."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

from aiaxis.environment import Environment

BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
PREFIX: Final = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")
REGION: Final = re.compile(r"[a-z0-9-]{2,40}")
SOCKET: Final = re.compile(r"unix:(?P<path>/[^\0]{1,100})|tcp://(?P<host>[\w.-]+|\[[0-9a-f:]+\]):(?P<port>\d{1,5})")
# Those that mean nothing without a bucket: whoever sets one of them believes that files go there.
COMPANIONS: Final = ("ENDPOINT", "REGION", "ACCESS_KEY", "SECRET_KEY", "PREFIX", "ADDRESSING", "ENCRYPTION")


def of(env: Environment, home: Path) -> dict[str, Any]:
    """Django's `STORAGES`, whose default is reached by `files/storage.py` alone."""
    return {
        "default": _bucket(env) or _folder(home),
        "staticfiles": {"BACKEND": "aiaxis.assets.MarkedNames"},
    }


def scanner(env: Environment) -> tuple[str, str, int] | None:
    """Where clamd listens: the kind of its socket, path or host, and port; None where it is not set."""
    value = str(env.str("CLAMAV_SOCKET", default=""))
    if not value:
        return None
    found = SOCKET.fullmatch(value)
    if found is None or int(found["port"] or 1) > 65_535:
        raise ImproperlyConfigured(
            f"CLAMAV_SOCKET must be unix:/run/clamav/clamd.ctl or tcp://127.0.0.1:3310 or the like, and is {value!r}."
        )
    if found["path"]:
        return "unix", found["path"], 0
    return "tcp", found["host"].strip("[]"), int(found["port"])


def _folder(home: Path) -> dict[str, Any]:
    return {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": home / "storage",
            "file_permissions_mode": 0o600,  # nobody else on this machine reads a customer's documents
            "directory_permissions_mode": 0o700,
        },
    }


def _bucket(env: Environment) -> dict[str, Any] | None:
    bucket = _matching(env, "FILES_S3_BUCKET", BUCKET, "a bucket's name, such as aiaxis-files")
    if not bucket:
        for name in COMPANIONS:
            if env.str(f"FILES_S3_{name}", default=""):
                raise ImproperlyConfigured(f"FILES_S3_BUCKET must be set, since FILES_S3_{name} is.")
        return None
    access, secret = env.str("FILES_S3_ACCESS_KEY", default=""), env.str("FILES_S3_SECRET_KEY", default="")
    if bool(access) != bool(secret):
        # Without both, the machine's own role is asked for a key; half a pair is a mistake and not a wish.
        raise ImproperlyConfigured("FILES_S3_ACCESS_KEY and FILES_S3_SECRET_KEY must be set together, or neither.")
    endpoint = env.str("FILES_S3_ENDPOINT", default="")
    encryption = env.choice("FILES_S3_ENCRYPTION", default="", choices=("", "AES256", "aws:kms"))
    return {
        "BACKEND": "files.objects.ObjectStorage",
        "OPTIONS": {
            "bucket_name": bucket,
            "endpoint_url": env.service("FILES_S3_ENDPOINT", default="") if endpoint else None,
            "region_name": _matching(env, "FILES_S3_REGION", REGION, "a region, such as eu-central-1") or "us-east-1",
            "access_key": access or None,
            "secret_key": secret or None,
            "location": _matching(env, "FILES_S3_PREFIX", PREFIX, "letters, digits, - and _, such as aiaxis/files"),
            "addressing": env.choice("FILES_S3_ADDRESSING", default="auto", choices=("auto", "path", "virtual")),
            # The type that was uploaded is said by us, at the gate; the store is told nothing of it.
            "object_parameters": {
                "ContentType": "application/octet-stream",
                **({"ServerSideEncryption": encryption} if encryption else {}),
            },
        },
    }


def _matching(env: Environment, name: str, pattern: re.Pattern[str], wanted: str) -> str:
    value = str(env.str(name, default=""))
    if value and not pattern.fullmatch(value):
        raise ImproperlyConfigured(f"{name} must be {wanted}, and is {value!r}.")
    return value
