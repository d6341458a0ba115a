"""What may an operator do with a job that waits or has failed, without seeing what it is about?

Have it run again, or drop it. As with every act of theirs, the database does it for a live operator's sealed claims only,
and it is recorded or not done.
"""

from __future__ import annotations

from typing import Final

from django.db import connections, transaction
from procrastinate.jobs import Job

from accounts.operators import Operator
from accounts.services.workspaces import CameTooLate
from accounts.signals import job_operated
from accounts.tenancy import claims

PURPOSE: Final = "operator.job"


def retry(operator: Operator, *, job_id: int) -> None:
    """Put a failed job back into the queue, with all its attempts before it. Raises ``CameTooLate``."""
    _act(operator, "retried", job_id)


def discard(operator: Operator, *, job_id: int) -> None:
    """Drop a job that waits or has failed; one that runs goes on. Raises ``CameTooLate``."""
    _act(operator, "discarded", job_id)


def _act(operator: Operator, act: str, job_id: int) -> None:
    sealed = claims.sealed(PURPOSE, act=act, session=str(operator.session_id), job=str(job_id))
    with transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute("SELECT fence.operate_job(%s)", [sealed])
        if cursor.fetchone() == (0,):
            raise CameTooLate
        job_operated.send(sender=Job, operator=operator, act=act, job_id=job_id)
