"""What does a program learn about its own key?"""

from uuid import UUID

from ninja import Router, Schema

from accounts.http import TenantRequest
from accounts.models import Role

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
