"""Who acts, where a test calls an operator's service itself?"""

from __future__ import annotations

from accounts import cookies
from accounts.operators import Operator, resolve_operator
from tests import cast, doors


def olga() -> Operator:
    """Olga, signed in to the console at this moment."""
    return resolve_operator(doors.operator(cast.OLGA).cookies[cookies.OPERATOR].value)
