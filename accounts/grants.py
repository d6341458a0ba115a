"""THE list: which database role may do what, on which table and with which function, and why.

Nothing is granted by default or anywhere else. `apply` makes the database say exactly this after each migration, and
the isolation proof compares the catalogue with it, so a grant that is missing here is a finding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

APP, OPS, QUEUE, AUDIT, SEAL = "aiaxis_app", "aiaxis_ops", "aiaxis_queue", "aiaxis_audit", "aiaxis_seal"
ROLES: Final = (APP, OPS, QUEUE, AUDIT, SEAL)


@dataclass(frozen=True, slots=True)
class Grant:
    """One role's privileges on one table; `columns` narrows SELECT, INSERT or UPDATE to those columns."""

    role: str
    table: str
    privileges: tuple[str, ...]
    columns: tuple[str, ...] = ()


READ = ("SELECT",)
WRITE = ("SELECT", "INSERT", "UPDATE", "DELETE")
MAKE = ("SELECT", "INSERT", "DELETE")
_OF_MEMBER: Final = ("id", "workspace_id", "membership_id", "expires_at", "revoked_at")
_HANDED_IN: Final = ("queue_name", "task_name", "priority", "lock", "queueing_lock", "args", "scheduled_at")

GRANTS: Final = (
    # Who is who: read-only for the app. A membership that injected SQL could write would be a way in (measured).
    Grant(APP, "accounts_user", READ),
    Grant(APP, "accounts_workspace", READ),
    Grant(APP, "accounts_membership", READ),
    Grant(APP, "accounts_domain", READ),
    Grant(APP, "accounts_session", ("SELECT", "INSERT", "UPDATE")),
    Grant(APP, "accounts_apikey", ("SELECT", "INSERT", "UPDATE")),
    # Written by definer functions alone: an invitation that injected SQL could write would be a membership in two steps.
    Grant(APP, "accounts_invitation", READ),
    # Resolved and closed by definer functions only; a row alone lets nobody in, the identity store must agree.
    Grant(APP, "accounts_operatorsession", ("INSERT",)),
    # Who broke the glass, and why: for the letters to owners. Written by one function alone (accounts/glass).
    Grant(APP, "accounts_visit", READ),
    # What a program was answered, for a day, for itself alone (accounts/repeats).
    Grant(APP, "accounts_repeat", WRITE),
    # Counters of throttling: every key is a keyed hash, every value a number (accounts/cache.py).
    Grant(APP, "accounts_cache", WRITE),
    # A workspace's own content, under the policies.
    Grant(APP, "files_file", WRITE),
    Grant(APP, "files_passage", WRITE),
    *(Grant(APP, f"files_{hung}", MAKE) for hung in ("embedding", "filetag")),
    Grant(APP, "agents_agent", WRITE),
    *(Grant(APP, f"agents_{hung}", MAKE) for hung in ("agentfile", "agentshare", "agenttool")),
    # What an agent was is never changed.
    Grant(APP, "agents_agentversion", ("SELECT", "INSERT")),
    # Where questions go, which tools are called, and how much may be used: written by functions that ask who it is (L7, L12).
    *(Grant(APP, f"agents_{kept}", READ) for kept in ("modelprovider", "budget", "monthlyuse", "modeluse")),
    *(Grant(APP, f"agents_{kept}", READ) for kept in ("toolserver", "tool")),
    # A conversation keeps its agent and its owner: a policy cannot compare a row with what it was.
    Grant(APP, "conversations_conversation", MAKE),
    Grant(APP, "conversations_conversation", ("UPDATE",), columns=("title", "updated_at", "archived_at", "visibility")),
    Grant(APP, "conversations_conversationshare", MAKE),
    Grant(APP, "conversations_message", WRITE),
    *(Grant(APP, f"conversations_{hung}", MAKE) for hung in ("delta", "citation", "toolcall", "conversationfile")),
    # What a tool is called with is what was shown to be confirmed.
    Grant(APP, "conversations_toolcall", ("UPDATE",), columns=("state", "result", "decided_at", "finished_at")),
    # Whose answer a rating is of, and of which agent's, stays as it was made.
    Grant(APP, "conversations_feedback", MAKE),
    Grant(APP, "conversations_feedback", ("UPDATE",), columns=("is_helpful", "comment", "is_passed_on", "updated_at")),
    # Counted by triggers alone: a number that injected SQL could write would be no number.
    Grant(APP, "conversations_dailyuse", READ),
    Grant(APP, "conversations_completion", WRITE),
    # As what an agent was tried stays as it was written.
    Grant(APP, "conversations_trial", MAKE),
    Grant(APP, "conversations_trialfile", MAKE),
    Grant(APP, "conversations_keepingchoice", READ),
    # A member's own copy of the workspace, until it is old; and what owners brought from another installation.
    Grant(APP, "aiaxis_workspaceexport", WRITE),
    Grant(APP, "aiaxis_workspaceimport", WRITE),
    # Jobs: hand one in, no more. Their arguments are sealed, so a forged row is refused by the worker. Only what the
    # runner's own defer function writes: a row that says "doing" holds its lock, and no worker would ever give it back.
    Grant(APP, "procrastinate_jobs", ("INSERT",), columns=_HANDED_IN),
    Grant(APP, "procrastinate_jobs", ("SELECT",), columns=("id",)),
    Grant(APP, "procrastinate_events", ("INSERT",), columns=("job_id", "type", "at")),
    Grant(QUEUE, "procrastinate_jobs", WRITE),
    Grant(QUEUE, "procrastinate_events", WRITE),
    Grant(QUEUE, "procrastinate_periodic_defers", WRITE),
    Grant(QUEUE, "procrastinate_workers", WRITE),
    # The trail: added to, never changed. The shipper must see an id to leave it alone when it comes a second time.
    Grant(APP, "audit_entry", ("SELECT", "INSERT")),
    # A member's own copies of it, until they are fetched or old.
    Grant(APP, "audit_export", WRITE),
    Grant(APP, "audit_exportpart", MAKE),
    # How long the trail is kept: written by a function that asks for an owner. What left it is the owner's to write.
    Grant(APP, "audit_retentionchoice", READ),
    Grant(SEAL, "audit_archive", READ),
    Grant(APP, "audit_ownfilter", MAKE),
    Grant(AUDIT, "audit_entry", ("INSERT",)),
    Grant(AUDIT, "audit_entry", READ, columns=("id", "retention")),
    Grant(SEAL, "audit_entry", READ),
    Grant(SEAL, "audit_seal", ("SELECT", "INSERT")),
    Grant(SEAL, "audit_unsealed", ("SELECT", "DELETE")),
    Grant(OPS, "audit_entry", READ),
    # Notifications. Injected SQL must neither silence an alarm nor add a listener (L7): written by functions that ask who
    # it is, and told by the role that reads the trail for AiAxis itself.
    Grant(APP, "audit_channel", READ),
    Grant(SEAL, "audit_unheard", ("SELECT", "DELETE")),
    Grant(SEAL, "audit_rule", READ),
    Grant(SEAL, "audit_operatorchannel", READ),
    Grant(SEAL, "audit_alarm", WRITE),
    Grant(SEAL, "audit_tally", WRITE),
    Grant(SEAL, "audit_message", WRITE),
    Grant(SEAL, "audit_channelstate", WRITE),
    Grant(OPS, "audit_rule", READ),
    Grant(OPS, "audit_message", READ),
    Grant(OPS, "audit_channelstate", READ),
    Grant(
        OPS,
        "audit_operatorchannel",
        READ,
        columns=("id", "name", "kind", "shown", "least", "is_paused", "heartbeat", "created_at"),
    ),
    # What operators found out about kinds of refusals, and whom they shut out. Written by one function for a live operator.
    Grant(OPS, "audit_review", READ),
    Grant(OPS, "audit_reviewnote", READ),
    Grant(OPS, "audit_block", READ),
    Grant(OPS, "audit_consolefilter", READ),
    # Whether the trail is whole and the fence stands. Asked by functions, answered by the role that seals: injected SQL
    # must not be able to say that all is well.
    Grant(SEAL, "audit_check", WRITE),
    Grant(SEAL, "audit_proof", WRITE),
    Grant(OPS, "audit_check", READ),
    Grant(OPS, "audit_proof", READ),
    # Operators see metadata only; names of files and agents are content.
    Grant(OPS, "accounts_user", READ),
    Grant(OPS, "accounts_workspace", READ),
    Grant(OPS, "accounts_membership", READ),
    # What the console counts and lists: whose and when, never what is in it, what it is called, or what lets anybody in.
    Grant(OPS, "accounts_identitylink", READ, columns=("user_id", "provider", "subject")),
    Grant(OPS, "accounts_session", READ, columns=(*_OF_MEMBER, "method", "signed_in_at", "last_seen_at", "idle_until")),
    Grant(OPS, "accounts_apikey", READ, columns=(*_OF_MEMBER, "prefix", "created_at", "last_used_at")),
    Grant(OPS, "files_file", READ, columns=("id", "workspace_id", "size", "status")),
    Grant(OPS, "agents_agent", READ, columns=("id", "workspace_id")),
    Grant(OPS, "conversations_conversation", READ, columns=("id", "workspace_id", "erased_after")),
    Grant(
        OPS, "procrastinate_jobs", READ, columns=("id", "queue_name", "task_name", "status", "scheduled_at", "attempts")
    ),
    Grant(OPS, "procrastinate_events", READ, columns=("job_id", "type", "at")),
    Grant(OPS, "procrastinate_workers", READ),
    Grant(OPS, "audit_seal", READ, columns=("seq", "sealed_at", "size")),
    Grant(OPS, "audit_unsealed", READ),
    Grant(OPS, "accounts_visit", READ),
)

SEQUENCES: Final = {
    APP: ("procrastinate_jobs_id_seq", "procrastinate_events_id_seq"),
    QUEUE: (
        "procrastinate_jobs_id_seq",
        "procrastinate_events_id_seq",
        "procrastinate_periodic_defers_id_seq",
        "procrastinate_workers_id_seq",
    ),
}

# Who calls the functions of the fence: the app, the shipper whose INSERT checks a policy, and who tells workspaces' channels.
FENCE_USERS: Final = (APP, AUDIT, SEAL)

# Functions that run with the owner's rights, each keyed by something that cannot be guessed, and who may call them.
DEFINER_FUNCTIONS: Final = {
    "fence.verified_payload()": (),
    "fence.verified_claims(text,text)": (),
    "fence.audit_awaits_seal()": (),
    "fence.audit_to_be_heard()": (),
    "fence.channels_of(uuid[],uuid[])": (SEAL,),
    "fence.retention_of(uuid,uuid)": (APP, AUDIT),
    "fence.choose_retention(uuid,text)": (APP,),
    "fence.keep_channel(text,uuid,jsonb)": (APP,),
    "fence.test_channel(uuid)": (APP,),
    "fence.channel_results()": (APP,),
    "fence.channel_messages(uuid)": (APP,),
    "fence.keep_operator_channel(text)": (APP,),
    "fence.keep_rule(text)": (APP,),
    "fence.act_on_outbox(text)": (APP,),
    # Whose ids a refused request named: asked by the shipper after the answer, which says nothing of it.
    "fence.owners_of(uuid[])": (AUDIT,),
    # What an operator does: sealed claims, and the operator's live session asked for again inside.
    "fence.operator_act(text)": (APP,),
    "fence.operator_behind(jsonb)": (),
    "fence.operate_workspace(text)": (APP,),
    "fence.operate_job(text)": (APP,),
    "fence.lock_with_fewest_jobs(text[])": (APP,),
    # How much a workspace may keep: set by a live operator, counted over private files too, of which nothing but the sum is told.
    "fence.limit_workspace(text)": (APP,),
    "fence.storage_of_workspace(boolean)": (APP,),
    "fence.keep_console_filter(text)": (APP,),
    "fence.ask_for_check(text)": (APP,),
    "fence.ask_for_own_check(uuid)": (APP,),
    "fence.own_checks()": (APP,),
    # How the installation is protected: times, yes or no, and counts of the sealed member's own workspace.
    "fence.protection()": (APP,),
    # Who is shut out at the door: the shipper puts the list where its host's web processes read it.
    "fence.blocks()": (AUDIT,),
    "fence.current_workspace()": (APP, AUDIT),
    "fence.current_member()": (APP,),
    "fence.is_whole()": (APP,),
    # Through broken glass: whether a context is a visit's, which the verifier believes only while it is open.
    "fence.is_glass()": (APP,),
    "fence.visit_is_open(uuid,uuid,uuid)": (),
    "fence.operator_session_lives(uuid,uuid)": (),
    # What operators do about visits: sealed claims, their live session asked for, and nobody approves their own.
    "fence.glass_act(text)": (APP,),
    "fence.resolve_session(bytea)": (APP,),
    "fence.resolve_key(bytea)": (APP,),
    "fence.memberships_of(text,text)": (APP,),
    "fence.own_identities()": (APP,),
    "fence.connect_organization(text)": (APP,),
    "fence.disconnect_organization(uuid)": (APP,),
    "fence.set_sign_in_rules(boolean,text)": (APP,),
    "fence.sign_in_of_domain(text)": (APP,),
    "fence.join_by_domain(text)": (APP,),
    "fence.link_by_domain(text)": (APP,),
    "fence.directory_places(text)": (APP,),
    # Whose keys are about to end: ids alone, and only to sealed claims.
    "fence.keys_ending(text,integer)": (APP,),
    "fence.follow_directory(text)": (APP,),
    "fence.operator_of(text,text)": (APP,),
    "fence.change_email(text)": (APP,),
    "fence.resolve_operator(bytea)": (APP,),
    "fence.close_operator_session(bytea)": (APP,),
    # The workspace's people: each asks the sealed member's own role, now, and keeps the rules itself.
    "fence.change_member_role(uuid,text)": (APP,),
    "fence.set_member_status(uuid,text)": (APP,),
    "fence.leave_workspace()": (APP,),
    "fence.transfer_ownership(uuid)": (APP,),
    "fence.member_ties(uuid)": (APP,),
    "fence.last_seen_of(uuid[])": (APP,),
    **dict.fromkeys(("fence.hand_over_agents(uuid)", "fence.hand_over_files(uuid)"), (APP,)),
    # People of another installation: names without accounts, for an active owner, under a whole workspace's seal only.
    "fence.bring_in_people(uuid,jsonb)": (APP,),
    # Model providers and the budget: by owners and administrators; requests are counted for whoever is sealed in.
    "fence.keep_model_provider(text,uuid,jsonb)": (APP,),
    "fence.keep_budget(bigint,bigint,bigint)": (APP,),
    "fence.reserve_model_use(uuid,uuid,uuid,text,bigint,bigint)": (APP,),
    "fence.settle_model_use(uuid,bigint,bigint)": (APP,),
    **dict.fromkeys(("fence.keep_tool_server(text,uuid,jsonb)", "fence.keep_tools(uuid,jsonb)"), (APP,)),
    **dict.fromkeys(("fence.allow_tool(uuid,text,text)", "fence.tool_has_changed(uuid)"), (APP,)),
    # What is used: counted by triggers, and how much each member stores told to those who keep the workspace.
    "fence.count_use(uuid,uuid,uuid,date,bigint,bigint,bigint,bigint,bigint,bigint)": (),
    "fence.count_message()": (),
    "fence.count_model_use()": (),
    "fence.stored_by_member()": (APP,),
    # What is kept how long: chosen by owners; that a file was used, by whoever may read it.
    "fence.choose_keeping(uuid,integer,integer)": (APP,),
    "fence.unused_since(timestamp with time zone,timestamp with time zone)": (APP,),
    "fence.file_used(uuid)": (APP,),
    # How an agent was rated: asked by its owner, told without whose answer it was.
    "fence.feedback_counts(uuid)": (APP,),
    "fence.feedback_comments(uuid)": (APP,),
    # Conversations that are shared: what answers quote, where one stands that a reader may not see, and the end of it.
    "fence.note_sources()": (),
    "fence.unseen_answers(uuid)": (APP,),
    "fence.end_conversation_sharing(uuid)": (APP,),
    # Quotes of a file that was read anew: the passages that hold their very words, whoever's conversation they are in.
    "fence.link_quotes(uuid)": (APP,),
    # Invitations: sent and withdrawn by the sealed member, accepted by sealed claims and the mailed token together.
    "fence.send_invitation(uuid,text,text,text,text,bytea)": (APP,),
    "fence.renew_invitation(uuid,text,bytea)": (APP,),
    "fence.withdraw_invitation(uuid)": (APP,),
    "fence.invitation_of(text)": (APP,),
    "fence.accept_invitation(text,text)": (APP,),
}

# Tables without a workspace of their own, and why that is right. The proof reports every other one.
UNFENCED_TABLES: Final = {
    "accounts_cache": "counters and form marks by hash; never content, and nothing that lets anybody in",
    "accounts_identitylink": "links a person to an identity system; only definer functions read it",
    "accounts_operatorsession": "operators belong to no workspace; the app may only insert",
    "audit_alarm": "what goes on: ids, counts, names of actions; only who tells of it reads and writes",
    "audit_archive": "signed notes of what left the trail: counts, hashes, places in the chain; only the owner adds",
    "audit_channelstate": "counts and times of channels, by their ids; never where one leads",
    "audit_message": "ids and counts, from which a message is made when it is sent",
    "audit_operatorchannel": "operators belong to no workspace; addresses are encrypted, only functions write",
    "audit_check": "checks of the trail: times, counts and ids of entries; asked by functions, answered by the sealer",
    "audit_consolefilter": "names that operators gave to filters; written by a definer function only",
    "audit_proof": "proofs of the isolation: times, counts and findings; asked by a function, answered by the sealer",
    "audit_rule": "which entries operators hear of: names of actions and numbers; only functions write",
    "audit_tally": "counts of the rules that count",
    "audit_unheard": "ids of entries that nobody has judged yet; only a trigger adds, only one reader takes",
    "audit_block": "addresses that operators shut out for a time; written by a definer function only",
    "audit_review": "how far operators are with a kind of refusal; written by a definer function only",
    "audit_reviewnote": "operators' notes on a kind of refusal; written by a definer function only",
    "audit_seal": "hashes and ids over the whole trail; only the sealer reads and adds",
    "audit_unsealed": "ids of entries that wait for their seal; only a trigger adds, only the sealer reads",
    "auth_group": "Django's, unused, granted to nobody",
    "auth_group_permissions": "Django's, unused, granted to nobody",
    "auth_permission": "Django's, unused, granted to nobody",
    "django_content_type": "Django's, names of models only, granted to nobody",
    "django_migrations": "Django's record of migrations, the owner's only",
    "procrastinate_events": "the job runner's; ids and times",
    "procrastinate_jobs": "the job runner's; sealed arguments hold ids only",
    "procrastinate_periodic_defers": "the job runner's",
    "procrastinate_workers": "the job runner's",
}

# Policies that a migration writes by hand, because its table has no fenced model. The proof runs these same words.
POLICIES_BY_HAND: Final = {
    "audit_entry": (
        # The trail tells what every member did, so who keeps it is asked here too, not by its page alone.
        (
            "CREATE POLICY workspace_read ON audit_entry FOR SELECT TO aiaxis_app "
            "USING (workspace_id = (SELECT fence.current_workspace()) AND EXISTS ("
            "SELECT 1 FROM accounts_membership m WHERE m.workspace_id = (SELECT fence.current_workspace()) "
            "AND m.id = (SELECT fence.current_member()) AND m.role IN ('owner', 'admin') AND m.status = 'active'))"
        ),
        (
            # In one's own name only: a member's raw SQL wrote entries that a colleague seemed to have caused. And of no other
            # class than the database says, so that no second entry stands under the id of another, and none leaves early.
            "CREATE POLICY workspace_insert ON audit_entry FOR INSERT TO aiaxis_app "
            "WITH CHECK (workspace_id = (SELECT fence.current_workspace()) "
            "AND (actor_id = (SELECT fence.current_member()) OR (actor_id IS NULL AND actor_type = 'system') "
            "OR (SELECT fence.is_whole())) AND retention = fence.retention_of(workspace_id, id))"
        ),
        "CREATE POLICY shipper_insert ON audit_entry FOR INSERT TO aiaxis_audit WITH CHECK (true)",
        "CREATE POLICY shipper_read ON audit_entry FOR SELECT TO aiaxis_audit USING (true)",
        "CREATE POLICY sealer_read ON audit_entry FOR SELECT TO aiaxis_seal USING (true)",
    ),
}

# Fenced tables whose rows may belong to no workspace, and why. NULL equals no workspace, so the app never sees them.
WITHOUT_WORKSPACE: Final = {
    "audit_entry": "what happened before anybody was verified belongs to no workspace; only operators see it",
}


def statements(tables: set[str], sequences: set[str]) -> list[str]:
    """Return the SQL that makes the database's grants exactly this list, for the tables and sequences that exist."""
    roles = ", ".join(ROLES)
    lines = [
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public, fence FROM PUBLIC, {roles}",
        f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC, {roles}",
        f"REVOKE ALL ON ALL FUNCTIONS IN SCHEMA fence FROM PUBLIC, {roles}",
        f"GRANT USAGE ON SCHEMA public TO {roles}",
        f"GRANT USAGE ON SCHEMA fence TO {', '.join(FENCE_USERS)}",
    ]
    for grant in GRANTS:
        if grant.table in tables:
            columns = f" ({', '.join(grant.columns)})" if grant.columns else ""
            privileges = ", ".join(privilege + columns for privilege in grant.privileges)
            lines.append(f"GRANT {privileges} ON public.{grant.table} TO {grant.role}")
    for role, names in SEQUENCES.items():
        lines += [f"GRANT USAGE ON SEQUENCE public.{name} TO {role}" for name in names if name in sequences]
    return lines


def apply(connection: BaseDatabaseWrapper) -> None:
    """Make the grants of the owner's database exactly this list, in one transaction."""
    # One transaction: a server at work never sees the moment between REVOKE and GRANT.
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute("SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        found = cursor.fetchall()
        tables = {name for name, kind in found if kind in "rpv"}
        sequences = {name for name, kind in found if kind == "S"}
        cursor.execute("SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'fence'::regnamespace")
        functions = {name for (name,) in cursor.fetchall()}
        lines = statements(tables, sequences)
        lines += [
            f"GRANT EXECUTE ON FUNCTION {name} TO {', '.join(roles)}"
            for name, roles in DEFINER_FUNCTIONS.items()
            if roles and name in functions
        ]
        cursor.execute("; ".join(lines))
