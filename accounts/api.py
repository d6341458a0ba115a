"""What does a program learn about its own key?"""

from datetime import datetime
from uuid import UUID

from ninja import Router, Schema

from accounts import queries
from accounts.access import scope_required
from accounts.http import TenantRequest
from accounts.models import Membership, Role
from accounts.pagination import paginate
from accounts.schemas import Limit, Listing

router = Router(tags=["account"])


class WorkspaceOut(Schema):
    """The workspace that the key belongs to."""

    id: UUID
    name: str


class MeOut(Schema):
    """The verified identity behind a key: what every other answer of this API is limited to."""

    id: UUID
    name: str
    email: str
    role: Role
    workspace: WorkspaceOut
    scopes: list[str]


@router.get("/me", response=MeOut, summary="Who am I?")
def me(request: TenantRequest) -> dict[str, object]:
    """Return the member, workspace, role and scopes that both identity systems vouch for. Needs no scope."""
    tenant = request.tenant
    return {
        "id": tenant.membership_id,
        "name": tenant.display_name,
        "email": tenant.email,
        "role": tenant.role,
        "workspace": {"id": tenant.workspace_id, "name": tenant.workspace_name},
        "scopes": sorted(tenant.scopes),
    }


class MemberOut(Schema):
    """Somebody who belongs to the workspace."""

    id: UUID
    name: str
    email: str
    role: Role
    status: Membership.Status
    created_at: datetime

    @staticmethod
    def resolve_name(member: Membership) -> str:
        """The name that colleagues see."""
        return member.display_name


@router.get("/members", response=Listing[MemberOut], summary="Who belongs to the workspace?")
@scope_required("members:read")
def list_members(request: TenantRequest, cursor: str = "", limit: Limit = 50) -> object:
    """Return the members, suspended ones included, the latest first."""
    return paginate(queries.members(), cursor, limit)
