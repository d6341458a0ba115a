"""Template tags and filters of the ground floor."""
