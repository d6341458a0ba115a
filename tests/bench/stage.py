"""On which data is it measured? The cast, and beside it a thousand workspaces of a thousand rows, and ten in a twin database."""

from __future__ import annotations

import os
from typing import cast as cast_to

import psycopg
from django.core.management import call_command
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from rich.console import Console

from tests import cast, environment

ROWS = 1000  # in each workspace
PASSAGES = 200  # in each workspace
SMALL = 10  # workspaces in the twin database
BARE = {environment.platform_database: "aiaxis_owner", environment.identity_database: "aiaxis_identity"}

WORKSPACES = """
INSERT INTO accounts_workspace (id, name, slug, status, created_at)
SELECT uuidv7(), 'Bench ' || n, 'bench-' || n, 'active', now() FROM generate_series(1, %s) n;
INSERT INTO accounts_user (id, email, display_name, is_active, is_operator, created_at)
SELECT uuidv7(), slug || '@bench.test', name, true, false, now() FROM accounts_workspace WHERE slug LIKE 'bench-%%';
INSERT INTO accounts_membership (id, workspace_id, user_id, role, status, display_name, email, created_at)
SELECT uuidv7(), w.id, u.id, 'owner', 'active', w.name, u.email, now()
FROM accounts_workspace w JOIN accounts_user u ON u.email = w.slug || '@bench.test'"""
# Row by row across the workspaces, as they would arrive: a workspace's rows lie scattered over the table.
FILES = """
INSERT INTO files_file (id, workspace_id, owner_id, name, media_type, size, sha256, storage_key, visibility, status, refusal,
    pages, created_at, updated_at)
SELECT uuidv7(), m.workspace_id, m.id, 'report ' || md5((n * 7919 + m.ordinal)::text) || '.pdf', 'application/pdf', n,
    md5(n::text || m.id::text) || md5(m.id::text), md5(m.id::text || n::text),
    CASE n %% 2 WHEN 0 THEN 'private' ELSE 'workspace' END, 'ready', '', 3, now(), now()
FROM generate_series(1, %s) n,
    (SELECT id, workspace_id, row_number() OVER () AS ordinal FROM accounts_membership WHERE email LIKE '%%@bench.test') m"""
WORDS = (
    "{refund,invoice,pressure,valve,turbine,holiday,contract,delivery,warranty,safety,helmet,budget,quarter,customer,\
server,backup,password,visitor,parking,canteen,overtime,pension,training,audit,supplier,shipment,customs,catalogue}"
)
PASSAGE_ROWS = f"""
INSERT INTO files_passage (id, workspace_id, file_id, position, page, label, text, start, "end")
SELECT uuidv7(), f.workspace_id, f.id, p, 1, '', (
    SELECT string_agg(('{WORDS}'::text[])[1 + (hashint8(p * 31 + k * 17 + f.size * 7919)::bigint & 2147483647) %% 28], ' ')
    FROM generate_series(1, 40) k
), 0, 1
FROM files_file f, generate_series(1, 5) p WHERE f.size <= %s AND f.media_type = 'application/pdf'"""


def migrate(console: Console) -> None:
    """Make bare databases once, with nothing but the cast in them, of which every stage is a copy."""
    console.print("making the databases")
    environment.server.make_database(environment.platform_database, "aiaxis_owner")
    environment.server.make_database(environment.identity_database, "aiaxis_identity", "template0")
    call_command("migrate", database="owner", verbosity=0)
    call_command("migrate", database="identity", verbosity=0)
    cast.enter()
    _hang_up()
    for database, owner in BARE.items():
        environment.server.make_database(f"{database}_bare", owner, database)


def set_up(console: Console, *, workspaces: int) -> None:
    """Put the databases back as they were made, and fill them; `workspaces` 0 leaves only the cast on stage."""
    _hang_up()
    for database, owner in BARE.items():
        environment.server.make_database(database, owner, f"{database}_bare")
    small = os.environ["BENCH_SMALL_DATABASE"]
    environment.server.make_database(small, "aiaxis_owner", f"{environment.platform_database}_bare")
    if workspaces:
        console.print(f"filling {SMALL} and {workspaces} workspaces with {ROWS} rows each")
        _fill(small, min(SMALL, workspaces))
        _fill(environment.platform_database, workspaces)


def _hang_up() -> None:
    """End every connection of this process: no database is copied, or put back, while somebody is connected to it."""
    for wrapper in connections.all(initialized_only=True):
        wrapper.close()
        cast_to("DatabaseWrapper", wrapper).close_pool()


def _fill(database: str, workspaces: int) -> None:
    url = environment.server.superuser_url(database)
    with psycopg.connect(url, autocommit=True) as connection:
        # What the rows refer to is made by the same statements, so each need not be checked one by one.
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET fence.ctx = ''")
        for statement in WORKSPACES.split(";"):
            connection.execute(statement, [workspaces] if "%s" in statement else [])
        connection.execute(FILES, [ROWS])
        connection.execute(PASSAGE_ROWS, [PASSAGES // 5])
        connection.execute("VACUUM (ANALYZE)")
