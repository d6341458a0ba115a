"""Which rounds of the worker serve the local identity store?"""

from accounts.identity import letters

# The worker finds rounds by importing each app's `jobs`; importing the letters registers theirs.
ROUNDS = (letters.ROUND,)
