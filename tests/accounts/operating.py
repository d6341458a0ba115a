"""Who acts, where a test calls an operator's service itself?"""

from __future__ import annotations

from accounts.operators import Operator
from tests.accounts.glass.stage import console, operator_in


def olga() -> Operator:
    """Olga, signed in to the console at this moment."""
    return operator_in(console())
