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

# Somebody who is not signed in asked for a link to set a new password. Whether there is such an account is not known yet.
# Arguments: account (str, a keyed hash of what was typed), mask (str).
password_reset_asked = Signal()

# A mailed link set a new password; every session is over. Sent in each workspace of the person. sender=Membership;
# arguments: actor (Tenant | None, None for somebody in no workspace), target (Membership | None).
password_reset = Signal()

# The person switched their second factor on or off. sender=Membership; arguments: actor (Tenant), target (Membership), is_on (bool).
second_factor_changed = Signal()

# Somebody at the server's terminal removed the second factor of a person who had lost it. Arguments: subject (str).
second_factor_removed = Signal()

# The person made their recovery codes anew. sender=Membership; arguments: actor (Tenant), target (Membership).
recovery_codes_made = Signal()

# A recovery code stood in for the second factor. Sent in each workspace of the person. sender=Membership; arguments: actor
# (Tenant), target (Membership), left (int, codes that are not used yet).
recovery_code_used = Signal()

# The person asked for another address, or confirmed it. sender=Membership; arguments: actor (Tenant), target (Membership).
email_change_asked = Signal()
email_changed = Signal()

# The person proved anew who they are; a new session took the old one's place. sender=Session; arguments: actor (Tenant),
# target (Session).
stepped_up = Signal()

# An operator set a second factor up, or used a recovery code. sender=OperatorSession; arguments: user_id (UUID), email (str).
operator_enrolled = Signal()
operator_recovery_used = Signal()

# sender=ApiKey; arguments: actor (Tenant), target (ApiKey).
api_key_created = Signal()
api_key_revoked = Signal()

# A key was replaced by another of the same name and scopes. sender=ApiKey; arguments: actor (Tenant), target (ApiKey, the new
# one), replaced (UUID), hours (int, for how long the old one goes on).
api_key_rotated = Signal()

# A key is about to end, and its owner is told. Sent in the owner's own place. sender=ApiKey; arguments: target (ApiKey, its id
# alone), days (int, before its end at the latest).
api_key_ending = Signal()

# The person went on into another workspace of theirs; which one is nobody's business here. sender=Session; arguments: actor
# (Tenant), target (Session, which ended).
workspace_switched = Signal()

# A member got another role. sender=Membership; arguments: actor (Tenant), target (Membership), before (str), after (str).
member_role_changed = Signal()

# A membership was suspended, ended by somebody, or ended by its own member; what of it ended in the same transaction.
# sender=Membership; arguments: actor (Tenant), target (Membership), sessions (int), keys (int), invitations (int).
member_suspended = Signal()
member_removed = Signal()
member_left = Signal()

# A suspended member may come in again. sender=Membership; arguments: actor (Tenant), target (Membership).
member_restored = Signal()

# An owner became an admin, and the target an owner. sender=Membership; arguments: actor (Tenant), target (Membership).
ownership_transferred = Signal()

# sender=Invitation; arguments: actor (Tenant), target (Invitation); for the first also role (str).
invitation_sent = Signal()
invitation_resent = Signal()
invitation_withdrawn = Signal()

# Somebody joined. sender=Invitation; arguments: actor (Tenant, the new member), target (Invitation), role (str).
invitation_accepted = Signal()

# Somebody joined by the rule of their organisation's verified domain. sender=Membership; arguments: actor (Tenant, the new member),
# target (Membership), role (str).
member_joined = Signal()

# A member's account of an outside identity system was tied to them. sender=Membership; arguments: actor (Tenant), target
# (Membership), provider (str).
identity_linked = Signal()

# An owner connected the workspace to an organisation's sign-in, or ended that. sender=Workspace; arguments: actor (Tenant), target
# (Workspace); the first one also organization (str), domains (list[str]), the second one sessions and keys (int) that ended by it.
organization_connected = Signal()
organization_disconnected = Signal()

# An owner changed what the workspace insists on. sender=Workspace; arguments: actor (Tenant), target (Workspace), requires_sso
# (bool), joins_as (str, a role or ""), sessions and keys (int) that were refused until now and ended by it.
sign_in_rules_changed = Signal()

# An operator signed in or out. sender=OperatorSession; arguments: user_id (UUID), email (str), target (OperatorSession).
operator_signed_in = Signal()
operator_signed_out = Signal()

# An operator is about to see a page of the console. Sent before the page is made, so that whoever cannot record it can refuse it
# by raising accounts.identity.base.Unavailable. sender=OperatorSite; arguments: operator (accounts.operators.Operator), page (str,
# the URL pattern), names (list[str], of the filters that were used).
operator_read = Signal()

# An operator asked to look at a workspace's content, another declined, or it became open: sent inside the transaction, so that
# whoever cannot record it can refuse it by raising Unavailable. sender=Visit; arguments: operator (accounts.operators.Operator,
# who did it; of an opening who approved, or who asked where there is no second one), visit (Visit).
glass_asked = Signal()
glass_declined = Signal()
glass_opened = Signal()

# A visit ended, or a request that was not answered. sender=Visit; arguments: operator (Operator, or None when time or the end of
# a session did it), visit (Visit).
glass_closed = Signal()

# A page of a workspace's content is about to be shown to an operator. Sent before it is made, like operator_read. sender=Visit;
# arguments: operator (Operator), visit (Visit), page (str, the kind of page), target (tuple[str, str], kind and id of what it shows).
glass_seen = Signal()

# Somebody at the server's terminal connected a workspace to an organisation. sender=Workspace; arguments: workspace_id (UUID),
# organization (str), domains (list[str]).
organization_connected_here = Signal()

# Somebody at the server's terminal added a person. sender=Membership or User; arguments: user_id (UUID), workspace_id
# (UUID | None), role (str, "operator" without a workspace).
person_added = Signal()

# What an outside directory says was followed here, or a credential ended because its identity system withdrew it. Nobody of the
# workspace did it. sender=Membership, Session or ApiKey; arguments: workspace_id (UUID), target (the row), effect ("suspended",
# "removed", "role", "session" or "key"), detail (dict[str, str]).
directory_followed = Signal()

# An operator suspended a workspace, let it in again, set a day for its erasure or called that off, or said how much it may
# keep. Sent inside the act's transaction: whoever cannot record it raises accounts.identity.base.Unavailable, and nothing was
# done. sender=Workspace; arguments: operator (accounts.operators.Operator), act ("suspended", "restored", "closing", "reopened"
# or "limited"), workspace_id (UUID), detail (dict[str, str]); for all acts but the last, owners (list[UUID], memberships).
workspace_operated = Signal()

# A workspace's day has come: whoever keeps something of it outside the tables of the fence removes it now, with the whole
# workspace bound. It may be sent again, if the erasing was interrupted. sender=Workspace; arguments: workspace_id (UUID).
workspace_erasing = Signal()

# Every row of a workspace is gone, in the transaction that is still open. sender=Workspace; arguments: workspace_id (UUID), rows
# (int), people (int, who belonged nowhere else and went with it).
workspace_erased = Signal()

# An operator had a failed job run again, or a waiting or failed one dropped. Recorded or refused like the acts above.
# sender=procrastinate.jobs.Job; arguments: operator (accounts.operators.Operator), act ("retried" or "discarded"), job_id (int).
job_operated = Signal()

# A job failed for the last time. sender=procrastinate.jobs.Job; arguments: job_id (int), task (str), kind (str, the error's
# class), place (str, where in our code; never what the error says, which may be content).
job_failed = Signal()
# The isolation was proven, or a hole was found. sender=accounts.tenancy.proof.Proof; arguments: report (dict, as JSON holds it),
# origin ("start", "terminal" or "console"), run (UUID | None, of the run that was asked for).
isolation_proven = Signal()
