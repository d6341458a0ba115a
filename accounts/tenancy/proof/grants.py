"""Is what each role may do exactly what the one list says?"""

from __future__ import annotations

from collections.abc import Iterator

from accounts.tenancy.proof.findings import WHOLE_TABLE, Catalogue, Expectations, Finding, Privilege

_NOT_OURS = """n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_t%'
    AND NOT EXISTS (SELECT 1 FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')"""

_PRIVILEGES = f"""SELECT coalesce(r.rolname::text, 'PUBLIC'),
        CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname,
        a.privilege_type, '{WHOLE_TABLE}', a.is_grantable, c.relispartition
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a
    LEFT JOIN pg_roles r ON r.oid = a.grantee
    WHERE c.relacl IS NOT NULL AND a.grantee <> c.relowner AND {_NOT_OURS}
UNION ALL SELECT coalesce(r.rolname::text, 'PUBLIC'),
        CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname,
        a.privilege_type, t.attname, a.is_grantable, c.relispartition
    FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace,
        aclexplode(t.attacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
    WHERE t.attacl IS NOT NULL AND NOT t.attisdropped AND a.grantee <> c.relowner AND {_NOT_OURS}"""  # noqa: S608 - our own words

_SCHEMAS = """SELECT n.nspname::text, coalesce(r.rolname::text, 'PUBLIC'), a.privilege_type, a.is_grantable
    FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
    LEFT JOIN pg_roles r ON r.oid = a.grantee
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_t%'
    AND a.grantee <> n.nspowner"""

_DEFAULTS = """SELECT pg_get_userbyid(defaclrole)::text, coalesce(n.nspname::text, 'every schema'), defaclobjtype::text
    FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace"""


def findings(catalogue: Catalogue, expected: Expectations) -> Iterator[Finding]:
    """Compare the privileges on relations, columns and schemas, and ask for default privileges."""
    names = {row[0] for row in catalogue.rows("SELECT relname::text FROM pg_class")}
    wanted = {privilege for privilege in expected.privileges if privilege.relation.rpartition(".")[2] in names}
    found: set[Privilege] = set()
    for role, relation, right, column, is_grantable, is_partition in catalogue.rows(_PRIVILEGES):
        privilege = Privilege(role, relation, right, column)
        found.add(privilege)
        if is_partition:
            yield Finding(relation, f"{role} has {right} on this partition itself, past its parent's policies")
        elif privilege not in wanted:
            yield Finding(relation, f"{role} has {_words(privilege)}, which the list of grants does not give")
        if is_grantable:
            yield Finding(relation, f"{role} may pass {right} on")
    for privilege in sorted(wanted - found):
        yield Finding(privilege.relation, f"{privilege.role} lacks {_words(privilege)}, which the list of grants gives")
    for schema, role, right, is_grantable in catalogue.rows(_SCHEMAS):
        is_listed = right == "USAGE" and not is_grantable and (role, schema) in expected.schemas
        if not is_listed and role != expected.owner:
            yield Finding(f"schema {schema}", f"{role} has {right} on it")
    for role, schema, kind in catalogue.rows(_DEFAULTS):
        yield Finding(f"role {role}", f"gives default privileges in {schema} (kind {kind}): each grant must be written")


def _words(privilege: Privilege) -> str:
    return privilege.right if privilege.column == WHOLE_TABLE else f"{privilege.right} on the column {privilege.column}"
