"""Raw SQL as the role that serves requests, under the attacker's own seal: what a smuggled statement can do."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import DatabaseError, transaction

from accounts.attacks.judging import sql_state
from accounts.attacks.matrix import Scene, answer, attack, sql, table_of, text_column
from accounts.tenancy.models import new_id

NOT_OFFERED = "0A000"
"""Feature not supported: COPY FROM into a table with row security, say."""


@attack()
def select_by_id(scene: Scene, model: Any) -> object:
    """SELECT * … WHERE id = …"""
    return answer(f"SELECT * FROM {table_of(model)} WHERE id = %s", [scene.target(model)])


@attack()
def select_all(scene: Scene, model: Any) -> object:
    """TABLE …"""
    return scene.loot(answer(f"TABLE {table_of(model)}"))


@attack()
def select_or_true(scene: Scene, model: Any) -> object:
    """… WHERE id = '' OR 1 = 1 --"""
    return scene.loot(answer(f"SELECT t::text FROM {table_of(model)} t WHERE false OR 1 = 1 --"))


@attack()
def select_only(scene: Scene, model: Any) -> object:
    """SELECT … FROM ONLY …, which leaves partitions out and policies in"""
    return scene.loot(answer(f"SELECT t::text FROM ONLY {table_of(model)} t")) or (
        scene.rehearsal and model._meta.db_table == "audit_entry"
    )


@attack()
def sample(scene: Scene, model: Any) -> object:
    """TABLESAMPLE, which reads pages"""
    return scene.loot(answer(f"SELECT t::text FROM {table_of(model)} t TABLESAMPLE SYSTEM (100)"))


@attack()
def by_place(scene: Scene, model: Any) -> object:
    """WHERE ctid = …: by the row's place on disk"""
    places = (
        "SELECT ('(' || page || ',' || line || ')')::tid FROM generate_series(0, 20) page, generate_series(1, 80) line"
    )
    return scene.loot(answer(f"SELECT t::text FROM {table_of(model)} t WHERE ctid = ANY(ARRAY({places}))"))


@attack()
def whole_row_as_json(scene: Scene, model: Any) -> object:
    """json_agg over the whole table"""
    return scene.loot(answer(f"SELECT json_agg(t) FROM {table_of(model)} t"))


@attack()
def cross_join(scene: Scene, model: Any) -> object:
    """The table joined with itself, on nothing"""
    return scene.loot(answer(f"SELECT b::text FROM {table_of(model)} a CROSS JOIN {table_of(model)} b"))


@attack()
def outer_join(scene: Scene, model: Any) -> object:
    """A child's rows, joined to parents without the workspace"""
    loot = [
        answer(
            f'SELECT c::text, p::text FROM {table_of(child)} c FULL JOIN {table_of(model)} p ON p.id = c."{key.column}"'
        )
        for child, key in scene.children_of(model)
    ]
    return scene.loot(loot)


@attack()
def lateral(scene: Scene, model: Any) -> object:
    """LATERAL, EXISTS and a scalar subquery in one"""
    query = (
        f"SELECT l.t FROM (VALUES (%s::uuid)) v(id), LATERAL (SELECT t::text FROM {table_of(model)} t WHERE t.id = v.id) l "
        f"WHERE EXISTS (SELECT 1 FROM {table_of(model)} e WHERE e.id = v.id)"
    )
    return answer(query, [scene.target(model)])


@attack()
def count_by_id(scene: Scene, model: Any) -> object:
    """SELECT count(*) … WHERE id = …: does it exist?"""
    return answer(f"SELECT count(*) FROM {table_of(model)} WHERE id = %s", [scene.target(model)])[0][0]


@attack()
def copy_out(scene: Scene, model: Any) -> object:
    """COPY … TO STDOUT"""
    return scene.loot(_copied(f"COPY (SELECT * FROM {table_of(model)}) TO STDOUT"))


@attack(also_refused=(NOT_OFFERED, "42809"))
def copy_table_out(scene: Scene, model: Any) -> object:
    """COPY <table> TO STDOUT, which is not a query"""
    return scene.loot(_copied(f"COPY {table_of(model)} TO STDOUT"))


def _copied(statement: str) -> bytes:
    with sql() as cursor, cursor.copy(statement) as copy:
        return b"".join(bytes(piece) for piece in copy)


@attack(writes=True, rehearsed=False, also_refused=(NOT_OFFERED, "23502"))
def copy_in(scene: Scene, model: Any) -> object:
    """COPY … FROM STDIN, with the victim's workspace"""
    with sql() as cursor, cursor.copy(f"COPY {table_of(model)} (id, workspace_id) FROM STDIN") as copy:
        copy.write(f"{scene.stage.mallory.user_id}\t{scene.victim.workspace_id}\n")
    return True


@attack()
def execute_many(scene: Scene, model: Any) -> object:
    """Executemany with RETURNING"""
    with sql() as cursor:
        cursor.executemany(f"SELECT t::text FROM {table_of(model)} t WHERE id = %s", [[scene.target(model)]])
        return cursor.fetchall()


@attack()
def declared_cursor(scene: Scene, model: Any) -> object:
    """DECLARE … CURSOR, FETCH ALL"""
    answer(f"DECLARE theirs CURSOR FOR SELECT t::text FROM {table_of(model)} t")
    return scene.loot(answer("FETCH ALL FROM theirs"))


@attack()
def prepared(scene: Scene, model: Any) -> object:
    """PREPARE, EXECUTE"""
    answer(f"DEALLOCATE ALL; PREPARE theirs (uuid) AS SELECT t::text FROM {table_of(model)} t WHERE id = $1")
    return answer("EXECUTE theirs (%s)", [scene.target(model)])


@attack()
def anonymous_block(scene: Scene, model: Any) -> object:
    """DO $$ … $$, which reports what it found in an error"""
    block = f"DO $$ BEGIN RAISE EXCEPTION 'loot %', (SELECT string_agg(t::text, ' ') FROM {table_of(model)} t) USING ERRCODE = 'P0001'; END $$"
    return scene.loot(_complaint(block, "P0001"))


@attack(rehearsed=False, also_refused=(NOT_OFFERED,))
def as_xml(scene: Scene, model: Any) -> object:
    """query_to_xml and table_to_xml, which run a query from a text"""
    loot = answer(f"SELECT query_to_xml('SELECT * FROM {table_of(model)}', true, false, '')::text")
    return scene.loot([loot, answer(f"SELECT table_to_xml('{table_of(model)}', true, false, '')::text")])


@attack()
def leaky_cast(scene: Scene, model: Any) -> object:
    """WHERE text::int = 1: the error quotes what it could not cast"""
    column = text_column(model)
    if not column:
        return None
    statement = f'SELECT 1 FROM {table_of(model)} WHERE id = %s AND "{column}"::text::int = 1'
    return scene.loot(_complaint(statement, "22P02", [scene.target(model)]))


@attack()
def leaky_division(scene: Scene, model: Any) -> object:
    """WHERE 1 / (CASE WHEN text LIKE … THEN 0 END): the error answers yes or no"""
    column = text_column(model)
    if not column:
        return None
    statement = f'SELECT 1 FROM {table_of(model)} WHERE 1 / (CASE WHEN "{column}"::text LIKE %s THEN 0 ELSE 1 END) = 1 AND id = %s'
    return _complaint(statement, "22012", [f"%{scene.victim.mark}%", scene.target(model)])


@attack()
def leaky_pattern(scene: Scene, model: Any) -> object:
    """LIKE with a backslash at the end: an error only if a hidden text begins so, which is why LIKE must not be LEAKPROOF (found in this matrix)"""
    column = text_column(model)
    if not column:
        return None
    loot = []
    for operator in ("LIKE", "ILIKE"):
        statement = f'SELECT 1 FROM {table_of(model)} WHERE "{column}" {operator} %s'
        loot.append(_complaint(statement, "22025", [scene.victim.mark[:10] + "\\"]))
    return any(loot)


@attack()
def leaky_pattern_by_index(scene: Scene, model: Any) -> object:
    """The same, where the planner is pushed to ask an index first"""
    for plan in ("enable_seqscan", "enable_indexscan", "enable_indexonlyscan"):
        answer(f"SET LOCAL {plan} = off")
    return leaky_pattern(scene, model)


def _complaint(statement: str, wanted: str, parameters: list[object] | None = None) -> str:
    """Return the error's text if the statement fails in the wanted way, and nothing if it does not fail."""
    try:
        with transaction.atomic():
            answer(statement, parameters)
    except DatabaseError as error:
        if sql_state(error) == wanted:
            return str(error)
        raise
    return ""


@attack()
def statistics(scene: Scene, model: Any) -> object:
    """pg_stats, which holds samples of every row (CVE-2025-8713 and before)"""
    loot = scene.loot(answer("SELECT s::text FROM pg_stats s WHERE tablename = %s", [model._meta.db_table]))
    return loot or scene.rehearsal


@attack()
def foreign_search_vector(scene: Scene, model: Any) -> object:
    """ts_stat, which runs a query from a text"""
    if not any(column.name == "tsv" for column in model._meta.concrete_fields):
        return scene.rehearsal
    return scene.loot(answer(f"SELECT word FROM ts_stat('SELECT tsv FROM {table_of(model)}')"))


@attack(writes=True)
def update_by_id(scene: Scene, model: Any) -> object:
    """UPDATE … WHERE id = … RETURNING *"""
    return answer(f"UPDATE {table_of(model)} SET id = id WHERE id = %s RETURNING *", [scene.target(model)])


@attack(writes=True)
def update_joined(scene: Scene, model: Any) -> object:
    """UPDATE … FROM itself RETURNING the other row"""
    query = f"UPDATE {table_of(model)} a SET id = a.id FROM {table_of(model)} b WHERE b.id = %s RETURNING b.*"
    return answer(query, [scene.target(model)])


@attack(writes=True)
def delete_by_id(scene: Scene, model: Any) -> object:
    """DELETE … RETURNING *"""
    return answer(f"DELETE FROM {table_of(model)} WHERE id = %s RETURNING id", [scene.target(model)])


@attack(writes=True)
def delete_all(scene: Scene, model: Any) -> object:
    """DELETE without a condition, inside WITH"""
    query = f"WITH gone AS (DELETE FROM {table_of(model)} WHERE id = %s RETURNING id) SELECT * FROM gone"
    return answer(query, [scene.target(model)])


@attack(writes=True, fronts=("workspace",), rehearsed=False)
def move_by_sql(scene: Scene, model: Any) -> object:
    """UPDATE … SET workspace_id = <victim's> (L9)"""
    query = f"UPDATE {table_of(model)} SET workspace_id = %s WHERE id = %s RETURNING id"
    return answer(query, [scene.victim.workspace_id, scene.own(model)])


@attack(writes=True, fronts=("workspace",))
def pull_by_sql(scene: Scene, model: Any) -> object:
    """UPDATE … SET workspace_id = <own> on the victim's row (L9)"""
    query = f"UPDATE {table_of(model)} SET workspace_id = %s WHERE id = %s RETURNING id"
    return answer(query, [scene.attacker.workspace_id, scene.target(model)])


@attack(writes=True, also_refused=("23505",))
def merge(scene: Scene, model: Any) -> object:
    """MERGE … WHEN MATCHED THEN UPDATE"""
    query = (
        f"MERGE INTO {table_of(model)} t USING (VALUES (%s::uuid)) v(id) ON t.id = v.id "
        "WHEN MATCHED THEN UPDATE SET id = t.id"
    )
    with sql() as cursor:
        cursor.execute(query, [scene.target(model)])
        return cursor.rowcount


@attack(writes=True, rehearsed=False, also_refused=("23505", "23502", "42P10"))
def upsert(scene: Scene, model: Any) -> object:
    """INSERT … SELECT own row under the victim's id ON CONFLICT DO UPDATE RETURNING * (L8)"""
    columns = [f'"{column.column}"' for column in model._meta.concrete_fields if not column.generated]
    chosen = [column if column != '"id"' else "%s::uuid" for column in columns]
    query = (
        f"INSERT INTO {table_of(model)} AS t ({', '.join(columns)}) SELECT {', '.join(chosen)} FROM {table_of(model)} "
        f"WHERE id = %s ON CONFLICT (id) DO UPDATE SET id = t.id RETURNING t::text"
    )
    return scene.loot(answer(query, [scene.target(model), scene.own(model)]))


@attack()
def lock_row(scene: Scene, model: Any) -> object:
    """SELECT … FOR UPDATE NOWAIT on the victim's row"""
    return answer(f"SELECT id FROM {table_of(model)} WHERE id = %s FOR UPDATE NOWAIT", [scene.target(model)])


@attack(each_model=False, writes=True, rehearsed=False)
def trail_in_their_name(scene: Scene) -> object:
    """INSERT INTO audit_entry: one's own workspace's trail, and the victim as the one who did it (L38)"""
    return _forged_entry(scene, scene.victim.membership_id, "member")


@attack(each_model=False, fronts=("member",), rehearsed=False)
def trail_in_nobodys_name(scene: Scene) -> object:
    """The same with no id, and the victim's name beside it"""
    loot = []
    for kind in ("member", "key", "job", "operator", "anonymous"):
        try:
            with transaction.atomic():
                loot += _forged_entry(scene, None, kind)
        except DatabaseError as error:
            if sql_state(error) != "42501":
                raise
    return loot


def _forged_entry(scene: Scene, actor_id: uuid.UUID | None, kind: str) -> list[tuple[Any, ...]]:
    return answer(
        "INSERT INTO audit_entry (id, retention, occurred_at, action, vocabulary, outcome, reason, severity, workspace_id, "
        "actor_type, actor_id, actor_name, actor, target_type, target_id, http, net, trace, refused_by, detail, fingerprint) "
        "VALUES (%s, 'd30', now(), 'file.deleted', 'x', 'allowed', '', 'info', %s, %s, %s, %s, '{}', '', '', '{}', '{}', "
        "'{}', '', '{}', '0000000000000000') ",
        [new_id(), scene.attacker.workspace_id, kind, actor_id, scene.victim.mark],
    ) or [(f"an entry in the name of {scene.victim.name}",)]
