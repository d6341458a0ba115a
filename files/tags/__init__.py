"""A workspace's own words on its files: given, taken away, and filtered by."""
