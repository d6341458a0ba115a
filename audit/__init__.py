"""The floor that listens: what was done and what was refused, kept so that nobody can lose or change it."""
