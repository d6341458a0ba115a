"""Does an appended line survive whatever happens to its process, its disk and its neighbours?"""

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from audit import spool
from tests.waiting import PATIENCE, until

ROOT = Path(__file__).resolve().parents[2]


def numbered(number: int) -> bytes:
    return json.dumps({"n": number, "pad": "x" * 200}).encode() + b"\n"


def stored(folder: Path) -> list[int]:
    found = []
    for path in spool.segments(folder):
        found += [json.loads(line)["n"] for line in path.read_bytes().splitlines() if line]
    return found


def child(script: str, folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_it_keeps_every_line_in_order_in_a_private_file(tmp_path: Path) -> None:
    writer = spool.Spool(tmp_path / "spool")
    for number in range(100):
        writer.append(numbered(number))
    assert stored(tmp_path / "spool") == list(range(100))
    [path] = spool.segments(tmp_path / "spool")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("line", [b"no newline", b"two\nlines\n", b"x" * spool.LINE_LIMIT + b"\n", b""])
def test_it_refuses_what_is_not_one_line(tmp_path: Path, line: bytes) -> None:
    with pytest.raises(spool.SpoolError):
        spool.Spool(tmp_path).append(line)


def test_threads_share_it_without_losing_or_mixing_lines(tmp_path: Path) -> None:
    writer = spool.Spool(tmp_path, segment_bytes=20_000)

    def write(first: int) -> None:
        for number in range(first, first + 250):
            writer.append(numbered(number))

    threads = [threading.Thread(target=write, args=[first]) for first in range(0, 2000, 250)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(stored(tmp_path)) == list(range(2000))
    assert len(spool.segments(tmp_path)) > 10


def test_a_forked_child_writes_to_a_segment_of_its_own(tmp_path: Path) -> None:
    script = """
import os, sys
from pathlib import Path
from audit.spool import Spool
writer = Spool(Path(sys.argv[1]))
writer.append(b'{"n": 1}\\n')
if os.fork() == 0:
    writer.append(b'{"n": 2}\\n')
    os._exit(0)
os.wait()
writer.append(b'{"n": 3}\\n')
"""
    process = child(script, tmp_path)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert [path.read_bytes().count(b"\n") for path in spool.segments(tmp_path)] == [2, 1]
    assert sorted(stored(tmp_path)) == [1, 2, 3]


def test_acknowledged_lines_survive_kill_9(tmp_path: Path) -> None:
    """L38: what was acknowledged is readable, whatever the process died of."""
    script = """
import sys
from pathlib import Path
from audit.spool import Spool
writer = Spool(Path(sys.argv[1]))
for n in range(10**9):
    writer.append(b'{"n": %d}\\n' % n)
    print(n, flush=True)
"""
    process = child(script, tmp_path)
    assert process.stdout is not None
    last = -1
    for _ in range(500):
        last = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate(timeout=PATIENCE)
    last = max([last, *(int(line) for line in rest.splitlines() if line)])
    found = stored(tmp_path)
    assert found == list(range(len(found)))
    assert len(found) > last >= 499


def test_a_reader_knows_a_living_writer_from_a_dead_one(tmp_path: Path) -> None:
    script = """
import sys, time
from pathlib import Path
from audit.spool import Spool
Spool(Path(sys.argv[1])).append(b'{"n": 1}\\n')
print("ready", flush=True)
time.sleep(60)
"""
    process = child(script, tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    [path] = spool.segments(tmp_path)
    with spool.owned(path) as finished:
        assert not finished
    process.kill()
    process.communicate(timeout=PATIENCE)
    with spool.owned(path) as finished:
        assert finished


def test_a_full_disk_tears_one_line_and_is_told_to_the_caller(tmp_path: Path) -> None:
    """A full disk first takes a part of a line; RLIMIT_FSIZE does the same to a child process."""
    script = """
import resource, signal, sys
from pathlib import Path
from audit.spool import Spool, SpoolError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
writer = Spool(Path(sys.argv[1]))
line = b'{"n": %d, "pad": "' + b"x" * 300 + b'"}\\n'
kept = []
for n in range(4):
    try:
        writer.append(line % n)
        kept.append(n)
    except SpoolError:
        pass
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
writer.append(line % 9)
print(kept)
"""
    assert resource.RLIM_INFINITY == -1
    process = child(script, tmp_path)
    out, err = process.communicate(timeout=PATIENCE)
    assert out.strip() == "[0, 1, 2]", err
    [path] = spool.segments(tmp_path)
    lines, _ = spool.Segment(path).lines(100_000, finished=True)
    readable = []
    for line in lines:
        try:
            readable.append(json.loads(line)["n"])
        except ValueError:
            readable.append(-1)
    assert readable == [0, 1, 2, -1, 9]


def test_a_torn_tail_waits_for_its_rest_until_the_segment_is_finished(tmp_path: Path) -> None:
    path = tmp_path / f"1{spool.SUFFIX}"
    path.write_bytes(b'{"n": 1}\n{"n": 2')
    assert spool.Segment(path).lines(1000, finished=False) == ([b'{"n": 1}'], 9)
    assert spool.Segment(path).lines(1000, finished=True) == ([b'{"n": 1}', b'{"n": 2'], 16)


def test_a_line_longer_than_any_of_ours_does_not_stop_the_reader(tmp_path: Path) -> None:
    path = tmp_path / f"1{spool.SUFFIX}"
    path.write_bytes(b"x" * 5000 + b'\n{"n": 2}\n')
    segment = spool.Segment(path)
    lines: list[bytes] = []
    while True:
        more, offset = segment.lines(1000, finished=False)
        if offset == segment.offset:
            break
        lines, segment.offset = lines + more, offset
    assert lines[-1] == b'{"n": 2}'


def test_an_old_segment_is_finished_while_nobody_writes(tmp_path: Path) -> None:
    writer = spool.Spool(tmp_path, segment_seconds=0.05)
    writer.append(numbered(1))
    [path] = spool.segments(tmp_path)

    def is_finished() -> bool:
        with spool.owned(path) as finished:
            return finished

    assert until(is_finished)


def test_an_unused_segment_leaves_no_file(tmp_path: Path) -> None:
    writer = spool.Spool(tmp_path)
    writer.append(numbered(1))
    writer.close()
    writer.close()
    assert len(spool.segments(tmp_path)) == 1
    with pytest.raises(spool.SpoolError):
        writer.append(b"not a line")
    assert len(spool.segments(tmp_path)) == 1


def test_a_folder_that_cannot_be_made_is_told_to_the_caller(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(spool.SpoolError, match="cannot write to the audit spool"):
        spool.Spool(tmp_path / "file" / "spool").append(numbered(1))


def test_a_critical_line_is_flushed_before_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[Path] = []
    monkeypatch.setattr(os, "fdatasync", lambda fd: flushed.append(Path(f"/proc/self/fd/{fd}").readlink()))
    writer = spool.Spool(tmp_path)
    writer.append(numbered(1), critical=True)
    # The process's own spool flushes in a thread of its own whenever it likes: what counts is this one's segment.
    assert [path for path in flushed if path.parent == tmp_path] == spool.segments(tmp_path)


def test_a_spool_that_nobody_empties_keeps_its_last_tenth_for_critical_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "QUOTA_SECONDS", 0.0)
    writer = spool.Spool(tmp_path, segment_bytes=500, quota_bytes=10_000)
    kept = 0
    with suppress(spool.SpoolError):
        while True:
            writer.append(numbered(kept))
            kept += 1
    assert 9_000 <= sum(path.stat().st_size for path in spool.segments(tmp_path)) <= 10_000
    writer.append(numbered(kept), critical=True)
    with pytest.raises(spool.SpoolError, match="quota"):
        writer.append(numbered(kept + 1))
    assert stored(tmp_path) == list(range(kept + 1))
    for path in spool.segments(tmp_path):
        spool.delete(path)
    writer.close()
    writer.append(numbered(1))
