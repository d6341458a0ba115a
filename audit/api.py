"""How does a program read its workspace's trail?"""

from django.db.models import QuerySet
from ninja import Query, Router

from accounts.access import role_required, scope_required
from accounts.http import TenantRequest
from accounts.models import Role
from accounts.pagination import paginate
from accounts.schemas import Limit, Listing, Refused
from audit import access, queries, services
from audit.models import Entry
from audit.schemas import EntryOut, TrailQuery

router = Router(tags=["trail"])


@router.get("/audit", response=Listing[EntryOut], summary="Read the trail")
@scope_required("audit:read")
@role_required(Role.ADMIN)
def list_entries(
    request: TenantRequest, filters: Query[TrailQuery], cursor: str = "", limit: Limit = 50
) -> Listing[EntryOut]:
    """What was done in the workspace and what was refused, newest first. Takes a key of an owner or an administrator.

    Reading is an entry as well. Entries stand in the order in which they were made and reach the trail within seconds, those of a
    flood within minutes, and what waited while the database was away when that is back: behind the place where you had read on.
    To have every one, send the latest `received_at` that you have, less fifteen minutes, as `arrived_since` the next time, and
    drop ids that you have.
    """
    access.get_person_or_refuse(filters.person)
    if filters.since and filters.until and filters.until < filters.since:
        raise Refused(422, "The last day is before the first. Send a later `until`.")
    chosen = filters.chosen()
    found: QuerySet[Entry] = queries.trail(chosen)
    page = paginate(found, cursor, limit)
    services.note_reading(actor=request.tenant, filters=chosen.names(), shown=len(page.items))
    return Listing(items=[EntryOut.of(entry) for entry in page.items], next=page.next)
