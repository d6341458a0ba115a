"""What of a crash may leave this installation, where its owner named a place that collects reports?

Sentry's own integrations attach requests, cookies, SQL, local variables and the log lines before the crash: a customer's
content, in the hands of a third party. So none of those runs (and `send_default_pii` stays off, as it is by default: to
name it is deprecated), and of what remains only what is named here is sent: the kind of the error and where in the code it
arose, without the sentence it came with, since a database quotes rows in it; and by which request id, trace and job it is
found in our own log and trail.
"""

from __future__ import annotations

from logging import LogRecord
from typing import Any, Final
from uuid import UUID

from accounts.requests import current_origin
from accounts.tracing import current_job, note_report
from aiaxis.logs import request_of

EVENT: Final = ("event_id", "timestamp", "level", "logger", "platform", "sdk")
FRAME: Final = ("filename", "function", "module", "lineno", "in_app")


def begin(dsn: str, **options: Any) -> None:
    """Report this process's errors, and its log lines from ERROR upwards, to the Sentry project of `dsn`."""
    # Imported here, so that an installation that reports to nobody does not pay for it at every start.
    import sentry_sdk
    from sentry_sdk.integrations.atexit import AtexitIntegration
    from sentry_sdk.integrations.excepthook import ExcepthookIntegration
    from sentry_sdk.integrations.logging import LoggingIntegration

    sentry_sdk.init(
        dsn,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            LoggingIntegration(level=None),  # no breadcrumbs: other people's lines from before the crash
            ExcepthookIntegration(),
            AtexitIntegration(callback=_in_silence),  # waits for what is on its way
        ],
        include_local_variables=False,
        include_source_context=False,
        max_breadcrumbs=0,
        max_request_body_size="never",
        auto_session_tracking=False,
        server_name="",
        before_send=scrubbed,
        before_breadcrumb=_no_crumb,
        **options,
    )


def _in_silence(pending: int, timeout: float) -> None:
    """Print nothing at the end of a process: the SDK's own words would stand among those of the one who stopped it."""


def _no_crumb(crumb: dict[str, Any], hint: dict[str, Any]) -> None:
    """Keep no trace of what came before, should a later SDK collect one in spite of the settings above."""


def scrubbed(event: Any, hint: dict[str, Any]) -> Any:
    """Return a new event that holds nothing but what is named above; whatever a later SDK adds stays here."""
    kept: dict[str, Any] = {name: event[name] for name in EVENT if name in event}
    record = hint.get("log_record")
    kept["tags"] = _tags(record)
    _note(kept)
    alarm = getattr(record, "alarm", "")
    if alarm:
        # One issue for each kind of alarm, an action of our closed list, however often it is raised and wherever it is logged.
        kept["fingerprint"] = ["aiaxis.alarm", alarm]
        kept["tags"]["alarm"] = alarm
    if record is not None:
        # Not what the line says: a library's line may hold a job's arguments. The place says which line it was.
        kept["logentry"] = {"message": f"{record.name}: {record.module}.{record.funcName}, line {record.lineno}"}
    kinds = (event.get("exception") or {}).get("values") or []
    kept["exception"] = {"values": [_kind(one) for one in kinds]}
    return kept


def _tags(record: LogRecord | None) -> dict[str, str]:
    """Ids of ours by which the log and the trail are searched. The trace's is a caller's, checked for its form."""
    origin, job = current_origin(), current_job()
    request = request_of(record) if record else origin.request_id
    told = {"request": request, "trace": origin.trace_id, "job": job}
    return {name: str(value) for name, value in told.items() if value}


def _note(kept: dict[str, Any]) -> None:
    origin = current_origin()
    if origin.request_id and "event_id" in kept:
        note_report(origin.request_id, UUID(str(kept["event_id"])).hex)


def _kind(exception: dict[str, Any]) -> dict[str, Any]:
    frames = (exception.get("stacktrace") or {}).get("frames") or []
    return {
        "type": exception.get("type"),
        "module": exception.get("module"),
        "stacktrace": {"frames": [{name: frame[name] for name in FRAME if name in frame} for frame in frames]},
    }
