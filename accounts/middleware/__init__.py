"""Through which gates does every request pass? Their order in settings.MIDDLEWARE is security: see the reasons there."""

from accounts.middleware.denial import DenialMiddleware
from accounts.middleware.headers import SecurityHeadersMiddleware
from accounts.middleware.methods import MethodMiddleware
from accounts.middleware.networks import OperatorNetworkMiddleware
from accounts.middleware.repeats import RepeatsMiddleware
from accounts.middleware.reserved import ReservedNamesMiddleware
from accounts.middleware.tenant import TenantMiddleware
from accounts.middleware.turns import TurnsMiddleware

__all__ = [
    "DenialMiddleware",
    "MethodMiddleware",
    "OperatorNetworkMiddleware",
    "RepeatsMiddleware",
    "ReservedNamesMiddleware",
    "SecurityHeadersMiddleware",
    "TenantMiddleware",
    "TurnsMiddleware",
]
