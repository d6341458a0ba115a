"""Which rows of a workspace are for those who keep it: its owners and admins as they are now, and nobody else?"""

from typing import Final

from accounts.tenancy.constraints import WORKSPACE_RULE

# In raw SQL too: the database asks what the member is at this moment.
KEEPS: Final = (
    "EXISTS (SELECT 1 FROM accounts_membership m WHERE m.workspace_id = (SELECT fence.current_workspace()) "
    "AND m.id = (SELECT fence.current_member()) AND m.role IN ('owner', 'admin') AND m.status = 'active')"
)
KEPT: Final = f"{WORKSPACE_RULE} AND {KEEPS}"
