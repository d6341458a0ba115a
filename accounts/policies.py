"""Which rows of a workspace are for those who keep it: its owners and admins as they are now, and nobody else?"""

from typing import Final

from accounts.tenancy.constraints import KEEPERS, WORKSPACE_RULE

KEPT: Final = f"{WORKSPACE_RULE} AND {KEEPERS}"
