"""An object store for tests: moto's server, over the wire on this machine, with a bucket for whoever asks."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3
from moto import settings as moto
from moto.server import ThreadedMotoServer

from aiaxis import stores
from aiaxis.environment import Environment

BUCKET: Final = "aiaxis-files"
KEYS: Final = {"FILES_S3_ACCESS_KEY": "test-access", "FILES_S3_SECRET_KEY": "test-secret"}
# What a key of the bucket needs, as docs/deploy.md tells an operator.
POLICY: Final = Path(__file__).resolve().parents[2] / "docs" / "example" / "bucket-policy.json"


class Server:
    """The store at a port that stays its own: it can go away, and come back with everything that it kept."""

    def __init__(self) -> None:
        self._port = 0
        self._server: Any = None
        self.start()

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen; the first time at a port of its own choice."""
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self._port, verbose=False)
        self._server.start()
        self._port = self._server.get_host_and_port()[1]

    def stop(self) -> None:
        """Hang up: from now on nobody listens there."""
        listening = self._server._server
        # Wakes whoever waits for the next caller there; otherwise it looks twice a second whether it is to stop.
        listening.socket.shutdown(socket.SHUT_RDWR)
        self._server.stop()
        listening.server_close()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody listens there as long as this goes on."""
        self.stop()
        try:
            yield
        finally:
            self.start()


@contextmanager
def running() -> Iterator[Server]:
    """Run the server."""
    server = Server()
    try:
        yield server
    finally:
        server.stop()


def client(address: str, key: str = "test", secret: str = "test") -> Any:
    """The store as somebody sees it who looks in from behind."""
    return boto3.client(
        "s3", endpoint_url=address, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=secret
    )


def configured(address: str, name: str = BUCKET, **more: str) -> dict[str, Any]:
    """Django's `STORAGES` of an installation that keeps its files there."""
    given = Environment()
    given.ENVIRON = {"FILES_S3_BUCKET": name, "FILES_S3_ENDPOINT": address, **KEYS, **more}
    return stores.of(given, Path("/nowhere"))


@dataclass(frozen=True, slots=True)
class Guarded:
    """A bucket whose store checks who asks: its keys, and how its owner sees it, who may do everything there."""

    key: dict[str, str]
    """May do what the example's policy says."""
    lister: dict[str, str]
    """May list it, and nothing else."""
    objects: Any


@contextmanager
def guarded(address: str) -> Iterator[Guarded]:
    """A bucket that opens to these keys alone. From here on the store refuses everybody else."""
    client(address).create_bucket(Bucket=BUCKET)
    key = _user(address, "aiaxis", POLICY.read_text(encoding="utf-8"))
    lister = _user(address, "lister", _policy("s3:ListBucket", f"arn:aws:s3:::{BUCKET}"))
    owner = _user(address, "owner", _policy("*", "*"))
    before, moto.INITIAL_NO_AUTH_ACTION_COUNT = moto.INITIAL_NO_AUTH_ACTION_COUNT, 0
    try:
        yield Guarded(key, lister, client(address, *owner.values()))
    finally:
        moto.INITIAL_NO_AUTH_ACTION_COUNT = before


def _user(address: str, name: str, policy: str) -> dict[str, str]:
    iam = boto3.client(
        "iam", endpoint_url=address, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="bucket", PolicyDocument=policy)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return {"FILES_S3_ACCESS_KEY": made["AccessKeyId"], "FILES_S3_SECRET_KEY": made["SecretAccessKey"]}


def _policy(action: str, resource: str) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
