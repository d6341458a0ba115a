"""By what can one request be followed through logs, jobs, other systems and the trail?

By its own id, which is also its trace's where nobody sent one, and by the W3C trace context (https://www.w3.org/TR/trace-context/)
where a caller did. A caller may send anything, so a trace is passed on and written down, and nothing is ever decided by it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final
from uuid import UUID

HEADER: Final = "traceparent"
LENGTH: Final = 55
KNOWN_FLAGS: Final = 0b11  # sampled, and that the trace's id is random; the standard has all others passed on as 0
# version "-" trace id "-" the caller's span "-" flags. A later version may add more behind a further hyphen.
_FORM: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Origin:
    """What the running code goes back to: the request, by our own id, and the `traceparent` that came with it, or ""."""

    request_id: UUID | None = None
    traceparent: str = ""

    @property
    def trace_id(self) -> str:
        """The id of the trace, 32 hex digits: the caller's, or the request's own, or "" where there is neither."""
        if self.traceparent:
            return self.traceparent[3:35]
        return self.request_id.hex if self.request_id else ""

    def onward(self) -> str:
        """A `traceparent` for a call that goes out from here, with a span of its own; "" where nothing is followed."""
        if not self.trace_id:
            return ""
        flags = self.traceparent[53:55] if self.traceparent else "00"
        return f"00-{self.trace_id}-{secrets.token_hex(8)}-{flags}"

    def headers(self) -> dict[str, str]:
        """The header of a call that goes out from here; none where nothing is followed."""
        onward = self.onward()
        return {HEADER: onward} if onward else {}


_NONE: Final = Origin()
_current: ContextVar[Origin] = ContextVar("aiaxis_origin", default=_NONE)
_job: ContextVar[int | None] = ContextVar("aiaxis_job", default=None)
_report: ContextVar[tuple[UUID | None, str]] = ContextVar("aiaxis_report", default=(None, ""))


def accepted(header: str) -> str:
    """A `traceparent` as it may be passed on, or "" for one that is malformed, which is as if none had been sent."""
    text = header[:LENGTH]
    if not _FORM.fullmatch(text):
        return ""
    # Version 00 has nothing behind its flags; whatever a later one adds there is not ours to pass on.
    if len(header) > LENGTH and (text.startswith("00") or header[LENGTH] != "-"):
        return ""
    return f"00{text[2:53]}{int(text[53:], 16) & KNOWN_FLAGS:02x}"


def followed() -> Origin:
    """What a job goes back to; an empty one outside of jobs. `requests.current_origin` knows requests as well."""
    return _current.get()


def current_job() -> int | None:
    """The number of the job that the running code does, if it does one."""
    return _job.get()


def note_report(request_id: UUID | None, report: str) -> None:
    """Remember under which id a collector of error reports was told of what went wrong in this request."""
    _report.set((request_id, report))


def report_of(request_id: UUID) -> str:
    """The id of the report that this request caused, or ""."""
    noted, report = _report.get()
    return report if noted == request_id else ""


@contextmanager
def following(origin: Origin, *, job: int | None = None) -> Iterator[None]:
    """Let the block go back to `origin`; `job` is the job that it does."""
    tokens = _current.set(origin), _job.set(job)
    try:
        yield
    finally:
        _current.reset(tokens[0])
        _job.reset(tokens[1])


def packed(origin: Origin) -> dict[str, str]:
    """The origin as a job carries it."""
    told = {"request": str(origin.request_id or ""), HEADER: origin.traceparent}
    return {name: value for name, value in told.items() if value}


def unpacked(told: Mapping[str, str]) -> Origin:
    """What `packed` returned."""
    return Origin(UUID(told["request"]) if "request" in told else None, told.get(HEADER, ""))
