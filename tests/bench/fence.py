"""What does the fence add to a query, how does that grow, and what does it do to a search?

The same ORM code, on the same rows of the same table, once as the application behind the fence and once as a role that row-level
security does not concern, without the sealed prefix. Both carry the workspace in their WHERE, as any multi-tenant query does.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db import connections, transaction

from accounts.tenancy.context import workspace
from files.models import File, Passage
from tests.bench.measure import Slices, interleaved
from tests.bench.rows import Row, at_most, noted

FENCED, UNFENCED, SMALL = "default", "owner", "small"
CALLS = 10


@dataclass(frozen=True)
class Place:
    """One of the stage's workspaces, with its only member and some of its rows."""

    workspace_id: UUID
    member_id: UUID
    files: tuple[UUID, ...]


def places(alias: str, database_role: str, how_many: int) -> list[Place]:
    """Some workspaces of a database, at random."""
    with connections[database_role].cursor() as cursor:
        cursor.execute("SELECT workspace_id, id FROM accounts_membership WHERE email LIKE '%%@bench.test'")
        found = random.Random(alias).sample(cursor.fetchall(), how_many)
        chosen = []
        for workspace_id, member_id in found:
            cursor.execute("SELECT id FROM files_file WHERE workspace_id = %s LIMIT 50", [workspace_id])
            chosen.append(Place(workspace_id, member_id, tuple(row for (row,) in cursor.fetchall())))
    return chosen


def _get(alias: str, place: Place, chance: random.Random) -> object:
    return File.objects.using(alias).get(pk=chance.choice(place.files))


def _list(alias: str, place: Place, chance: random.Random) -> object:
    return list(File.objects.using(alias).order_by("-id")[:50])


def _join(alias: str, place: Place, chance: random.Random) -> object:
    return list(File.objects.using(alias).select_related("owner").order_by("-id")[:50])


def _count(alias: str, place: Place, chance: random.Random) -> object:
    return File.objects.using(alias).count()


def _insert(alias: str, place: Place, chance: random.Random) -> object:
    return File.objects.using(alias).create(
        owner_id=place.member_id,
        name="new.txt",
        media_type="text/plain",
        size=1,
        sha256=secrets.token_hex(32),
        storage_key=secrets.token_hex(16),
    )


def _full_text(alias: str, place: Place, chance: random.Random) -> object:
    # The best ten of all that match, as the application asks.
    query = SearchQuery("turbine & warranty", search_type="raw", config="english")
    ranked = Passage.objects.using(alias).filter(tsv=query).annotate(rank=SearchRank("tsv", query))
    return list(ranked.order_by("-rank", "id")[:10])


def _trigram(alias: str, place: Place, chance: random.Random) -> object:
    return list(File.objects.using(alias).filter(name__trigram_word_similar=f"{chance.randrange(16**3):03x}")[:10])


Work = Callable[[str, Place, random.Random], object]
QUERIES: dict[str, Work] = {"get": _get, "list of 50": _list, "join": _join, "count": _count, "insert": _insert}
SEARCHES: dict[str, Work] = {"full-text search": _full_text, "trigram search": _trigram}


def rows(*, rounds: int) -> list[Row]:
    """The fence's cost, and whether it stays the same from ten workspaces to a thousand."""
    found: list[Row] = []
    for name, work in QUERIES.items():
        slices = _measured(name, work, rounds, (FENCED, UNFENCED, SMALL))
        cost, flat = slices.ratio(FENCED, UNFENCED), slices.ratio(FENCED, SMALL)
        found += [
            at_most(f"fence: {name}", cost.median, 1.35, "× without", f"{cost}, {slices.typical(FENCED):.0f} µs"),
            at_most(f"fence: {name}, upper bound", cost.high, 1.5, "× without"),
            at_most(f"fence: {name}, 1,000 workspaces to 10", flat.median, 1.25, "×", str(flat)),
        ]
    return found


def search_rows(*, rounds: int) -> list[Row]:
    """The LEAKPROOF trap: an operator that PostgreSQL does not trust is kept away from its index by row-level security."""
    found: list[Row] = []
    for name, work in SEARCHES.items():
        slices = _measured(name, work, rounds, (FENCED, UNFENCED))
        cost = slices.ratio(FENCED, UNFENCED)
        found += [
            at_most(f"fence: {name}", cost.median, 1.5, "× without", str(cost)),
            noted(f"fence: {name}, fenced", slices.typical(FENCED), "µs"),
        ]
    return found


def _measured(name: str, work: Work, rounds: int, aliases: tuple[str, ...]) -> Slices:
    """Interleave the same query on each alias. Inserts of a slice share one transaction, which is rolled back."""
    large, small = places("large", UNFENCED, 10), places("small", "small_owner", 10)
    chance = random.Random(name)

    def slice_on(alias: str) -> Callable[[], object]:
        chosen = small if alias == SMALL else large

        def run() -> object:
            place = chance.choice(chosen)
            with workspace(place.workspace_id, place.member_id):
                if name != "insert":
                    return [work(alias, place, chance) for _ in range(CALLS)]
                with transaction.atomic(using=alias):
                    done = [work(alias, place, chance) for _ in range(CALLS)]
                    transaction.set_rollback(True, using=alias)
                    return done

        return run

    return interleaved({alias: slice_on(alias) for alias in aliases}, rounds=rounds, calls=1)
