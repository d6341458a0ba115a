"""An object store for tests: moto's server, over the wire on this machine, with a bucket for whoever asks."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def guarded(address: str) -> Iterator[tuple[dict[str, str], Any]]:
    """A bucket that opens to one key, which may do what the example's policy says; give the key, and a client that may do everything.

    From here on the store checks who asks, and refuses everybody else.
    """
    client(address).create_bucket(Bucket=BUCKET)
    key = _user(address, "aiaxis", POLICY.read_text(encoding="utf-8"))
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    owner = _user(address, "owner", json.dumps(everything))
    before, moto.INITIAL_NO_AUTH_ACTION_COUNT = moto.INITIAL_NO_AUTH_ACTION_COUNT, 0
    try:
        given = {"FILES_S3_ACCESS_KEY": key["AccessKeyId"], "FILES_S3_SECRET_KEY": key["SecretAccessKey"]}
        yield given, client(address, owner["AccessKeyId"], owner["SecretAccessKey"])
    finally:
        moto.INITIAL_NO_AUTH_ACTION_COUNT = before


def _user(address: str, name: str, policy: str) -> dict[str, str]:
    iam = boto3.client(
        "iam", endpoint_url=address, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="bucket", PolicyDocument=policy)
    made: dict[str, str] = iam.create_access_key(UserName=name)["AccessKey"]
    return made
