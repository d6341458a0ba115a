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

# A session began. sender=Session; arguments: actor (Tenant), target (Session).
signed_in = Signal()

# The person ended the session that the request came with. sender=Session; arguments: actor (Tenant), target (Session).
signed_out = Signal()

# The person ended sessions of theirs elsewhere. sender=Session; arguments: actor (Tenant), target (Session).
session_revoked = Signal()

# The person replaced their password; every session of theirs is over. sender=Membership; arguments: actor (Tenant),
# target (Membership).
password_changed = Signal()

# sender=ApiKey; arguments: actor (Tenant), target (ApiKey).
api_key_created = Signal()
api_key_revoked = Signal()

# An operator signed in or out. sender=OperatorSession; arguments: user_id (UUID), email (str), target (OperatorSession).
operator_signed_in = Signal()
operator_signed_out = Signal()

# An operator is about to see a page of the console. Sent before the page is made, so that whoever cannot record it can refuse it
# by raising accounts.identity.base.Unavailable. sender=OperatorSite; arguments: operator (accounts.operators.Operator), page (str,
# the URL pattern), names (list[str], of the filters that were used).
operator_read = Signal()

# Somebody at the server's terminal added a person. sender=Membership or User; arguments: user_id (UUID), workspace_id
# (UUID | None), role (str, "operator" without a workspace).
person_added = Signal()

# What an outside directory says was followed here, or a credential ended because its identity system withdrew it. Nobody of the
# workspace did it. sender=Membership, Session or ApiKey; arguments: workspace_id (UUID), target (the row), effect ("suspended",
# "removed", "role", "session" or "key"), detail (dict[str, str]).
directory_followed = Signal()
