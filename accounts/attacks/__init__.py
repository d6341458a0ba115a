"""What could a hostile member, or SQL that they smuggled in, take from another workspace or from a colleague?

Each attack is one small function with a name. It is written as the attacker would write it, runs as the role that
serves requests, and returns what it got hold of. The judge (`judging.py`) knows the difference between a refusal and an
attack that merely failed; the tests let each one loose on its own workspace first, where it must succeed.
"""

from accounts.attacks import channels, glass, injections, leftovers, oracles, reads, seals, statements, writes
from accounts.attacks.judging import Outcome, attack_everything
from accounts.attacks.matrix import MATRIX, Attack, Scene
from accounts.attacks.stage import Stage

__all__ = [
    "MATRIX",
    "Attack",
    "Outcome",
    "Scene",
    "Stage",
    "attack_everything",
    "channels",
    "glass",
    "injections",
    "leftovers",
    "oracles",
    "reads",
    "seals",
    "statements",
    "writes",
]
