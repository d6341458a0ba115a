"""The local identity store's tables, in a database of their own."""
