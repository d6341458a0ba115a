"""How does work leave a request, and come back inside the same fence?

A job is a row that any holder of the application's database role can insert, injected SQL too (measured: without a seal it forged a
job for another workspace, and it ran). So what a job says is sealed under a key that the database does not know, and a worker runs
nothing else. The seal says who asked; what they may do is asked again when the job runs: a member who was removed meanwhile
has no jobs left.

    @job("files.index", serial="file_id")
    def index(tenant: Tenant, file_id: str) -> None: ...

    enqueue(index, file_id=str(file.pk))      # inside the service's transaction: both or neither
"""

from __future__ import annotations

import hmac
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Concatenate, Final, ParamSpec, TypeVar
from uuid import UUID
from zlib import crc32

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.jobs import Job
from procrastinate.manager import JobManager

from accounts.http import Reason, Refusal, Tenant
from accounts.models import Membership, Role, Workspace
from accounts.pseudonyms import pseudonym
from accounts.requests import current_origin
from accounts.signals import job_failed, job_refused
from accounts.tenancy.context import current, current_member_id, workspace
from accounts.tracing import Origin, following, packed, unpacked

log = logging.getLogger("aiaxis.jobs")

P = ParamSpec("P")
Handler = TypeVar("Handler", bound=Callable[..., None])

# Changed whenever what is sealed changes its meaning, so that no old seal fits a new message.
DOMAIN: Final = b"aiaxis.job.1\n"
QUEUE: Final = "default"
# For jobs that a person waits for while they look at the page: every worker keeps places for these alone.
PROMPT_QUEUE: Final = "prompt"
# For jobs that wait for another system most of their time: each costs a thread and hardly a processor, so there are more places.
REMOTE_QUEUE: Final = "remote"
# How often a job is begun, whatever ends it: a failure that may pass, or a worker that died.
ATTEMPTS: Final = 5


class JobRefused(Exception):
    """A worker will not run this job. The message says why, for the log; nothing of the job is believed."""


class RetryLater(Exception):
    """Raised by a handler for a failure that may pass (a vendor that is busy). The job runs again, later each time."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A handler, with what the runner has to know about it."""

    name: str
    handler: Callable[..., None]
    queue: str
    serial: str
    lanes: int
    rows: str
    share: int
    gave_up: Callable[..., None] | None
    of_closed: bool = False
    of_gone: bool = False


REGISTRY: Final[dict[str, Registered]] = {}
WARM_UPS: Final[list[Callable[[], None]]] = []
_NAMES: Final[dict[Callable[..., None], str]] = {}
_OURS: Final = f"{settings.BASE_DIR}/"


def job(
    name: str,
    *,
    queue: str = QUEUE,
    serial: str = "",
    lanes: int = 0,
    rows: str = "",
    share: int = 0,
    gave_up: Callable[..., None] | None = None,
    of_closed: bool = False,
    of_gone: bool = False,
) -> Callable[[Handler], Handler]:
    """Register a handler, whose first argument is the tenant and whose others are JSON values by name.

    A handler may run more than once (a worker can die after its last statement), so it must come to the same end each time.
    `serial` names an argument: jobs with the same value of it run one after another. With `lanes`,
    a workspace has no more than so many of these jobs running: its values are dealt out over so many rows, which kinds with
    the same name in `rows` have in common. With `share`, too, in all workers together, and each is handed in to the row where the
    fewest wait, whatever it is about. `gave_up` takes the handler's arguments and is called, inside the fence, when the handler
    failed for the last time, so that what waits for the job can be marked. `of_closed` is for what an operator's act on a
    workspace sets off: it runs there although nobody gets in. `of_gone` is for the rest of what is done already: it runs there
    too, and when whoever did it has left. It must show and change nothing.
    """

    def register(handler: Handler) -> Handler:
        if name in REGISTRY:
            raise ValueError(f"Two jobs are named {name}.")
        REGISTRY[name] = Registered(
            name, handler, queue, serial, lanes, rows or name, share, gave_up, of_closed, of_gone
        )
        _NAMES[handler] = name
        return handler

    return register


def before_work(function: Callable[[], None]) -> Callable[[], None]:
    """Register what a worker does once when it starts, beside its first jobs: load what the first of them would wait for."""
    WARM_UPS.append(function)
    return function


def enqueue(handler: Callable[Concatenate[Tenant, P], None], /, *args: P.args, **arguments: P.kwargs) -> int:
    """Hand a job in as the bound member, in the caller's transaction; returns its id. It starts when that commits.

    Raises `NoWorkspace` where no member is bound: there is no job of nobody (L45).
    """
    return _handed_in(handler, arguments)


def enqueue_later(
    after: timedelta, handler: Callable[Concatenate[Tenant, P], None], /, *args: P.args, **arguments: P.kwargs
) -> int:
    """As ``enqueue``, for a job that starts after a while: what waits for another system, for as long as it is worth waiting."""
    return _handed_in(handler, arguments, not_before=timezone.now() + after)


def _handed_in(handler: Callable[..., None], arguments: dict[str, Any], *, not_before: datetime | None = None) -> int:
    registered = REGISTRY[_NAMES[handler]]
    message = sealed(registered.name, current().workspace, current_member_id(), arguments, current_origin())
    row = Job(
        queue=registered.queue,
        lock=_lock_of(registered, current().workspace, arguments),
        queueing_lock=None,
        task_name=registered.name,
        task_kwargs=dict(message),
        scheduled_at=not_before,
    )
    # Through Django's own connection, so that the job and the rows that it is about are committed together.
    inserted = JobManager(DjangoConnector("default")).defer_job(row)
    if inserted.id is None:
        raise RuntimeError(f"The job {registered.name} was inserted without an id.")
    return int(inserted.id)


def _lock_of(registered: Registered, workspace_id: UUID, arguments: dict[str, Any]) -> str | None:
    if registered.share:
        places = [lock(registered.name, workspace_id, f"place {number}") for number in range(registered.share)]
        with connection.cursor() as cursor:
            cursor.execute("SELECT fence.lock_with_fewest_jobs(%s)", [places])
            return str(cursor.fetchone()[0])
    return lock(registered.rows, workspace_id, lane(registered, arguments)) if registered.serial else None


def lane(registered: Registered, arguments: dict[str, Any]) -> object:
    """What jobs of this kind wait for: others with the same value, or in the same lane. The same value is always in the same lane."""
    value = arguments[registered.serial]
    return f"lane {crc32(str(value).encode()) % registered.lanes}" if registered.lanes else value


def lock(name: str, workspace_id: UUID, value: object) -> str:
    """Under which lock are the jobs that come one after another? A job of anybody's with this lock would hold them up.

    Serial work is serial within its workspace: one workspace's value never waits for another's.
    """
    return pseudonym("job-lock", name, workspace_id.hex, json.dumps(value))


def sealed(
    name: str, workspace_id: UUID, member_id: UUID, arguments: dict[str, Any], origin: Origin | None = None
) -> dict[str, str]:
    """A job's row arguments: the message as text, and an HMAC over exactly that text (PostgreSQL rewrites JSON, never text)."""
    content = {"job": name, "workspace": workspace_id.hex, "member": member_id.hex, "arguments": arguments}
    message = json.dumps(
        # By what its request can be followed: for logs and the trail, never for a decision.
        {**content, "origin": packed(origin)} if origin and origin.trace_id else content,
        sort_keys=True,
        separators=(",", ":"),
        allow_nan=False,
    )
    return {"message": message, "seal": _seal(message)}


def _seal(message: str) -> str:
    return hmac.new(settings.JOB_KEY, DOMAIN + message.encode(), sha256).hexdigest()


def run(job_id: int, name: str, row_arguments: dict[str, Any], attempt: int) -> None:
    """Verify a job, and run its handler as its member, who is looked up now. `attempt` counts from 0.

    Raises `JobRefused` (logged and recorded, never tried again), or what the handler raised.
    """
    registered, workspace_id, member_id, arguments, origin = _opened(job_id, name, row_arguments)
    with workspace(workspace_id, member_id), following(origin, job=job_id), _failure_told(job_id, name, attempt):
        tenant = _member_now(job_id, registered, workspace_id, member_id)
        if attempt >= ATTEMPTS:
            # The workers that began it all died: it may well be the job that kills them.
            _give_up(registered, tenant, arguments)
            log.error("Job %s (%s) was begun %s times and never ended. It is given up.", job_id, name, attempt)
            _failed(job_id, name, kind="NeverEnded", place="")
            raise JobRefused(f"The job {name} was begun {attempt} times and never ended.")
        try:
            registered.handler(tenant, **arguments)
        except Exception as error:
            if is_last(error, attempt):
                _give_up(registered, tenant, arguments)
                _failed(job_id, name, kind=type(error).__name__, place=_place(error))
            raise


@contextmanager
def _failure_told(job_id: int, name: str, attempt: int) -> Iterator[None]:
    """Log what goes wrong in the block, where it is known which request it goes back to."""
    try:
        yield
    except JobRefused:
        raise  # logged and recorded where it was refused
    except Exception:
        log.exception("Job %s (%s) failed at attempt %s.", job_id, name, attempt + 1)
        raise


def may_pass(error: BaseException) -> bool:
    """May the same job succeed later? A handler said so, or the database went away."""
    return isinstance(error, RetryLater | OperationalError | InterfaceError)


def is_last(error: BaseException, attempt: int) -> bool:
    """Will nobody try again after this failure of the attempt counted from 0?"""
    return not may_pass(error) or attempt + 1 >= ATTEMPTS


def _opened(job_id: int, name: str, row: dict[str, Any]) -> tuple[Registered, UUID, UUID, dict[str, Any], Origin]:
    """What the seal vouches for. Raises `JobRefused`; nothing is parsed before the seal was found right."""
    message, seal = row.get("message"), row.get("seal")
    if set(row) != {"message", "seal"} or not isinstance(message, str) or not isinstance(seal, str):
        # A row that never was a job of ours: injected SQL, or somebody at the queue.
        raise _refused(job_id, name, "unsealed")
    if not hmac.compare_digest(_seal(message).encode(), seal.encode()):
        # A row with a changed workspace, member or argument, or a seal made without the key.
        raise _refused(job_id, name, "forged")
    content = json.loads(message)
    registered = REGISTRY.get(name)
    if content["job"] != name or registered is None:
        # A seal that was made for one job, put on another.
        raise _refused(job_id, name, "transplanted")
    # A job of an earlier version says nothing of where it came from.
    origin = unpacked(content.get("origin", {}))
    return registered, UUID(content["workspace"]), UUID(content["member"]), content["arguments"], origin


def member_there(member_id: UUID, *, of_closed: bool = False) -> Membership | None:
    """The member, if something may be done in their name at this moment: what a job that takes long asks again between its steps."""
    member: Membership | None = (
        Membership.objects.select_related("user", "workspace")
        .filter(pk=member_id, status=Membership.Status.ACTIVE)
        .first()
    )
    if member is None or not member.user.is_active:
        return None
    return member if of_closed or member.workspace.status == Workspace.Status.ACTIVE else None


def _member_now(job_id: int, registered: Registered, workspace_id: UUID, member_id: UUID) -> Tenant:
    """The member as they are at this moment, through the fence that the seal opened. Raises `JobRefused`."""
    if registered.of_gone:
        member = Membership.objects.select_related("workspace").filter(pk=member_id).first()
    else:
        member = member_there(member_id, of_closed=registered.of_closed)
    if member is None:
        # Whoever was removed or suspended after asking has nothing done in their name any more (L13).
        raise _refused(job_id, registered.name, "member", workspace_id, member_id)
    return Tenant(
        workspace_id=workspace_id,
        workspace_name=member.workspace.name,
        user_id=member.user_id,
        membership_id=member.pk,
        role=Role(member.role),
        scopes=frozenset(),
        method="job",
        credential_id=member.pk,
        display_name=member.display_name,
        email=member.email,
    )


def _give_up(registered: Registered, tenant: Tenant, arguments: dict[str, Any]) -> None:
    if registered.gave_up is None:
        return
    try:
        registered.gave_up(tenant, **arguments)
    except Exception:
        # The handler's own failure is the news; this one must not hide it.
        log.exception("After its last failure, the job %s could not be marked as failed.", registered.name)


def _failed(job_id: int, name: str, *, kind: str, place: str) -> None:
    # Robust: that it failed is on record with the job itself, and a broken record must not be what the worker reports.
    job_failed.send_robust(sender=Job, job_id=job_id, task=name, kind=kind, place=place)


def _place(error: BaseException) -> str:
    """Where in our own code it arose: file, line and function. What the error says may be a customer's words."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(_OURS)]
    ours = [frame for frame in frames if "site-packages" not in frame.filename]
    if not ours:
        return ""
    return f"{ours[-1].filename.removeprefix(_OURS)}:{ours[-1].lineno} {ours[-1].name}"


def _refused(
    job_id: int, name: str, check: str, workspace_id: UUID | None = None, member_id: UUID | None = None
) -> JobRefused:
    severity = "warning" if check == "member" else "critical"
    refusal = Refusal(Reason.FORBIDDEN, "job.refused", severity, {"check": check, "job": name[:128]})
    log.error("Job %s (%s) was refused: %s.", job_id, name[:128], check)
    # Robust: whoever records it must not be able to turn a refusal into a run.
    job_refused.send_robust(
        sender=Job, job_id=job_id, task=name, refusal=refusal, workspace_id=workspace_id, membership_id=member_id
    )
    return JobRefused(f"Job {job_id} ({name[:128]}) was refused: {check}.")
