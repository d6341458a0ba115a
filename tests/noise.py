"""How does a test send more than one person could, as a program elsewhere would: from a process of its own?

`python -m tests.noise` reads what to do as JSON, a line, and goes on until its standard input ends; then it says how often it was let in.
Threads of the test's own process would take turns with whoever measures there.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.waiting import PATIENCE


def line_to(address: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", urlsplit(address).port or 80, timeout=PATIENCE)


def ask(line: http.client.HTTPConnection, path: str, headers: dict[str, str], body: Any = None) -> tuple[int, bytes]:
    sent = json.dumps(body).encode() if body is not None else None
    more = {"Content-Type": "application/json"} if sent else {}
    line.request("POST" if sent else "GET", path, sent, {**headers, **more})
    answer = line.getresponse()
    return answer.status, answer.read()


def put(line: http.client.HTTPConnection, headers: dict[str, str], agent: str, question: str) -> str:
    """Put a question in a conversation of its own; "" when it was turned away."""
    status, body = ask(line, "/api/v1/conversations", headers, {"agent_id": agent})
    if status != 201:
        return ""
    conversation = str(json.loads(body)["id"])
    status, _ = ask(line, f"/api/v1/conversations/{conversation}/messages", headers, {"text": question})
    return conversation if status == 202 else ""


def again_and_again(
    address: str, agent: str, program: dict[str, str], lane: int, over: threading.Event, done: Counter[str]
) -> None:
    """Upload, or ask, as fast as it is answered."""
    number, act = lane * 1_000_000, "questions" if lane % 2 else "uploads"
    while not over.is_set():
        number += 1
        with closing(line_to(address)) as line:
            try:
                if lane % 2:
                    taken = bool(put(line, program, agent, f"When may goods number {number} be returned?"))
                else:
                    taken = upload(line, program, number) == 201
                done[act if taken else f"{act} turned away"] += 1
            except (OSError, http.client.HTTPException):
                # The server closed a connection whose body it had no place for: it comes again.
                done["connections closed"] += 1


def upload(line: http.client.HTTPConnection, headers: dict[str, str], number: int) -> int:
    text = f"Report {number}. " + "The pump was checked and its valve was closed in the evening. " * 300
    name = f"report-{number}.txt"
    body = f'--line\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n{text}\r\n--line--\r\n'
    line.request(
        "POST", "/api/v1/files", body.encode(), {**headers, "Content-Type": "multipart/form-data; boundary=line"}
    )
    answer = line.getresponse()
    answer.read()
    return answer.status


@contextmanager
def noise(address: str, agent: str, programs: list[dict[str, str]], done: Counter[str]) -> Iterator[None]:
    """Every second program uploads and the others ask, as fast as they are answered, while the block runs; `done` counts it then."""
    command = [sys.executable, "-m", "tests.noise"]
    with subprocess.Popen(
        command, cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        process.stdin.write(json.dumps([address, agent, programs]) + "\n")
        process.stdin.flush()
        yield
        said, _ = process.communicate(timeout=PATIENCE)
        done.update(json.loads(said))


def main() -> None:
    address, agent, programs = json.loads(sys.stdin.readline())
    over, done = threading.Event(), Counter[str]()
    lanes = [
        threading.Thread(target=again_and_again, args=(address, agent, program, lane, over, done))
        for lane, program in enumerate(programs)
    ]
    for lane in lanes:
        lane.start()
    sys.stdin.read()
    over.set()
    for lane in lanes:
        lane.join()
    sys.stdout.write(json.dumps(done))


if __name__ == "__main__":
    main()
