"""An object store for tests: moto's server, over the wire on this machine, with a bucket for whoever asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import boto3
from moto.server import ThreadedMotoServer

BUCKET: Final = "aiaxis-files"
KEYS: Final = {"FILES_S3_ACCESS_KEY": "test-access", "FILES_S3_SECRET_KEY": "test-secret"}


@contextmanager
def running() -> Iterator[str]:
    """Run the server; give its address. It listens on a port of its own choice."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def client(address: str) -> Any:
    """The store as somebody sees it who looks in from behind."""
    return boto3.client(
        "s3", endpoint_url=address, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
