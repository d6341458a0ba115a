"""Is the trail whole, and is the database a fence? Asked by people, answered by the worker, kept."""
