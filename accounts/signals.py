"""Which facts of accounts may others hear?

A fact about a write is sent with `send` inside the service's transaction: a change without its record must not happen.
A denial is sent with `send_robust`: a broken listener must not change an answer.
"""

from django.dispatch import Signal

# A request was refused. Sent by DenialMiddleware for each finished response that denies. Arguments: request (HttpRequest),
# response (HttpResponseBase), refusal (accounts.http.Refusal).
access_denied = Signal()

# A worker refused a job: its seal is wrong, or its member may no longer act. Arguments: job_id (int), task (str), refusal
# (accounts.http.Refusal), workspace_id (UUID | None), membership_id (UUID | None): as the job claims them, unverified.
job_refused = Signal()
