"""What does a program send that an operation of the API accepts? Made from the API's own description of itself.

An empty body is refused for its form before anybody looks for the row that the address names, so a walk with empty
bodies shows nothing about rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from django.http.response import HttpResponseBase
from django.test import Client

from aiaxis.reference.document import document
from aiaxis.reference.examples import JSON, MULTIPART, Maker, file_part
from tests.addresses import Address

BOUNDARY = "x"


def body_of(address: Address, method: str, ids: Mapping[str, str]) -> tuple[bytes, str]:
    """A valid body, whose references are `ids`, and its type; no body where the operation takes none."""
    path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", address.pattern)
    operation = document()["paths"].get(path, {}).get(method.lower(), {})
    content = operation.get("requestBody", {}).get("content", {})
    if JSON in content:
        return json.dumps(Maker(ids).value("", content[JSON]["schema"])).encode(), JSON
    if MULTIPART in content:
        name = file_part(content[MULTIPART]["schema"])
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="a.txt"\r\nContent-Type: text/plain'
        return f"{head}\r\n\r\nwords of a walk\r\n--{BOUNDARY}--\r\n".encode(), f"{MULTIPART}; boundary={BOUNDARY}"
    return b"", "application/octet-stream"


def send_valid(client: Client, method: str, address: Address, path: str, ids: Mapping[str, str]) -> HttpResponseBase:
    """Ask with a body that the operation accepts."""
    body, media = body_of(address, method, ids)
    return client.generic(method, path, body, media)
