"""The identity systems: the first of the two that must agree before anything is answered."""
