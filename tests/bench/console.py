"""How long does an operator wait for a page of the console, with 1,000 workspaces and 1,000,000 entries behind it?

Each page is asked for as a browser would ask, sign-in, entry in the trail and template included. The entries are spread over
two months as a busy and much attacked installation would have them: of four, one is a refusal, some stand for floods.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import psycopg
from django.db import connections
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from accounts.models import User, Workspace
from accounts.operators import across
from audit.models import Entry
from tests import cast, doors, environment
from tests.bench.rows import Row, at_most, noted

WORKSPACES, ENTRIES = 1000, 1_000_000
LIMIT_MS, MOST_QUERIES = 300, 10
CALLS = 15
SERVING = ("default", "identity", "ops", "cache", "audit")
"""The databases that a page may ask."""

FILL = """
INSERT INTO accounts_workspace (id, name, slug, status, created_at)
SELECT uuidv7(), 'Company ' || n, 'company-' || n, 'active', now() FROM generate_series(1, {workspaces}) n;
INSERT INTO accounts_user (id, email, display_name, is_active, is_operator, created_at)
SELECT uuidv7(), 'person' || p || '@' || w.slug || '.test', 'Person ' || p, true, false, now()
FROM accounts_workspace w, generate_series(1, 20) p WHERE w.slug LIKE 'company-%';
INSERT INTO accounts_membership (id, workspace_id, user_id, role, status, display_name, email, created_at)
SELECT uuidv7(), w.id, u.id, CASE WHEN u.email LIKE 'person1@%' THEN 'owner' ELSE 'member' END, 'active',
    u.display_name, u.email, now()
FROM accounts_workspace w JOIN accounts_user u ON split_part(u.email, '@', 2) = w.slug || '.test'
WHERE w.slug LIKE 'company-%';
INSERT INTO accounts_session (id, workspace_id, membership_id, token_hash, provider, subject, identity_session, method,
    user_agent, signed_in_at, last_seen_at, idle_until, expires_at)
SELECT uuidv7(), m.workspace_id, m.id, sha256((m.id::text || n)::bytea), 'local', m.id::text, '', 'password', '',
    now(), now(), now() + interval '1 hour', now() + interval '1 day'
FROM accounts_membership m, generate_series(1, 5) n;
INSERT INTO files_file (id, workspace_id, owner_id, name, media_type, size, sha256, storage_key, visibility, status,
    refusal, pages, created_at, updated_at)
SELECT uuidv7(), m.workspace_id, m.id, 'report.pdf', 'application/pdf', 1000 + n, md5(n || m.id::text) || md5(m.id::text),
    md5(m.id::text || n), 'private', CASE WHEN n % 20 = 0 THEN 'refused' ELSE 'ready' END, '', 3, now(), now()
FROM generate_series(1, 10) n, accounts_membership m;
INSERT INTO conversations_conversation (id, workspace_id, owner_id, title, visibility, created_at, updated_at)
SELECT uuidv7(), m.workspace_id, m.id, 'Talk', 'private', now(), now() FROM generate_series(1, 5) n, accounts_membership m;
INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, attempts)
SELECT 'default', 'files.read', '{{}}', CASE WHEN n % 3 = 0 THEN 'todo' ELSE 'failed' END::procrastinate_job_status, 1
FROM generate_series(1, 30000) n;
INSERT INTO procrastinate_events (job_id, type, at)
SELECT id, t::procrastinate_job_event_type, now() FROM procrastinate_jobs, unnest('{{deferred,failed}}'::text[]) t;
INSERT INTO audit_operatorchannel (id, name, kind, shown, sealed, least, is_paused, heartbeat, created_at)
SELECT uuidv7(), 'Channel ' || n, 'email', 'x', '', 'warning', false, false, now() FROM generate_series(1, 10) n;
INSERT INTO audit_message (id, channel_id, kind, severity, action, reason, total, more, folded, created_at, due_at, attempts,
    state, answer)
SELECT uuidv7(), c.id, 'raised', 'critical', 'request.refused', '', 1, 0, 0, now(), now(), 1,
    CASE WHEN n % 50 = 0 THEN 'dead' ELSE 'sent' END, '' FROM audit_operatorchannel c, generate_series(1, 10000) n;
CREATE TEMP TABLE place AS SELECT id, row_number() OVER () AS number FROM accounts_workspace;
CREATE UNIQUE INDEX ON place (number);
INSERT INTO audit_entry (id, retention, occurred_at, action, vocabulary, outcome, reason, severity, workspace_id, actor_type,
    actor_id, actor_name, actor, target_type, target_id, client_address, http, net, trace, refused_by, detail, fingerprint,
    status)
SELECT uuidv7(-age), 'd365', now() - age,
    CASE WHEN refused THEN 'request.refused' ELSE (ARRAY['file.read','message.asked','file.uploaded'])[1 + n % 3] END,
    'authz_fail', CASE WHEN refused THEN (CASE WHEN n % 1000 = 0 THEN 'error' ELSE 'denied' END) ELSE 'allowed' END,
    CASE WHEN refused THEN 'not_found' ELSE '' END,
    CASE WHEN n % 5000 = 0 THEN 'critical' WHEN n % 50 = 0 THEN 'warning' WHEN refused THEN 'notice' ELSE 'info' END,
    p.id, 'member', p.id, 'Person', '{{"role": "member"}}', 'file', p.id::text, ('10.' || n % 250 || '.0.1')::inet,
    '{{"method": "GET", "route": "/files/<uuid:file_id>/", "path": "/files/0/", "headers": {{"user-agent": "Mozilla/5.0"}}}}',
    '{{"peer": "10.0.0.1"}}', '{{}}', '', CASE WHEN refused AND n % 400 = 0 THEN '{{"burst": 30}}'::jsonb ELSE '{{}}' END,
    substr(md5((CASE WHEN n % 3 = 0 THEN 0 ELSE n % 5000 END)::text), 1, 16), 404
FROM (SELECT n, interval '60 days' * (1 - n::float8 / {entries}) AS age, n % 4 = 0 AS refused
      FROM generate_series(1, {entries}) n) line
JOIN place p ON p.number = 1 + line.n % {workspaces}"""


def rows(*, rounds: int) -> list[Row]:
    """Fill the tables, and ask for each page; its median time, and how many questions it asks of databases."""
    began = time.perf_counter()
    _fill()
    found = [
        noted("console: filled", time.perf_counter() - began, "s", f"{WORKSPACES:,} workspaces, {ENTRIES:,} entries")
    ]
    with tempfile.TemporaryDirectory() as home, override_settings(AIAXIS_HOME=Path(home), ALLOWED_HOSTS=["testserver"]):
        browser = doors.operator(cast.OLGA)
        for name, address in pages().items():
            queries, milliseconds = _asked(browser, address)
            found.append(
                at_most(f"console: {name}", milliseconds, LIMIT_MS, "ms", f"median of {CALLS}, {queries} queries")
            )
            if queries > MOST_QUERIES:
                found.append(at_most(f"console: queries of {name}", queries, MOST_QUERIES, "queries"))
    return found


def pages() -> dict[str, str]:
    """Every page of the console, and those filters of the long lists that find little."""
    entries, queue = "/operator/audit/entry/", "/operator/audit/review/"
    one = across(Entry).filter(outcome="denied").order_by("-id")[0]
    busiest = "cfcd208495d565ef"
    workspace = across(Workspace).get(slug="company-500").pk
    person = across(User).get(email="person7@company-500.test").pk
    channel = _one("SELECT id FROM audit_operatorchannel LIMIT 1")
    rule = _one("SELECT id FROM audit_rule LIMIT 1")
    return {
        "overview": "/operator/",
        "workspaces": "/operator/accounts/workspace/",
        "workspaces, searched": "/operator/accounts/workspace/?q=nothing+like+it",
        "a workspace": f"/operator/accounts/workspace/{workspace}/",
        "people": "/operator/accounts/user/",
        "people, searched": "/operator/accounts/user/?q=person7@company-500",
        "a person": f"/operator/accounts/user/{person}/",
        "jobs": "/operator/procrastinate/procrastinatejob/",
        "review queue": queue,
        "review queue, critical": f"{queue}?severity=critical&days=30",
        "a kind of refusal": f"{queue}{busiest}/",
        "entries": entries,
        "entries, an address": f"{entries}?address=10.7.0.1",
        "entries, an address that is none": f"{entries}?address=192.0.2.1",
        "entries, an action that is none": f"{entries}?action=key.created",
        "entries, critical errors": f"{entries}?severity=critical&outcome=error",
        "entries, of a day": f"{entries}?since={one.occurred_at:%Y-%m-%d}&severity=critical",
        "an entry": f"{entries}{one.pk}/",
        "trail checks": "/operator/audit/check/",
        "isolation proofs": "/operator/audit/proof/",
        "rules": "/operator/audit/rule/",
        "a rule": f"/operator/audit/rule/{rule}/",
        "channels": "/operator/audit/operatorchannel/",
        "a channel": f"/operator/audit/operatorchannel/{channel}/",
        "outbox": "/operator/audit/message/",
        "outbox, given up": "/operator/audit/message/?state=dead",
    }


def _asked(browser: Client, address: str) -> tuple[int, float]:
    with ExitStack() as stack:
        contexts = [stack.enter_context(CaptureQueriesContext(connections[alias])) for alias in SERVING]
        answer = browser.get(address)
    if answer.status_code != 200:
        raise AssertionError(f"{address} answered {answer.status_code}")
    # Before the next request, at whose beginning Django forgets them.
    queries = sum(len(context) for context in contexts)
    taken = [_timed(lambda: browser.get(address)) for _ in range(CALLS)]
    return queries, statistics.median(taken) * 1000


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _one(question: str) -> str:
    with connections["ops"].cursor() as cursor:
        cursor.execute(question)
        return str(cursor.fetchone()[0])


def _fill() -> None:
    url = environment.server.superuser_url(environment.platform_database)
    with psycopg.connect(url, autocommit=True) as connection:
        # What the rows refer to is made by the same statements, so each need not be checked one by one.
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET fence.ctx = ''")
        for statement in FILL.format(workspaces=WORKSPACES, entries=ENTRIES).split(";"):
            connection.execute(statement)
        connection.execute("VACUUM (ANALYZE)")
