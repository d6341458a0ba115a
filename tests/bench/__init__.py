"""What does safety cost? Measured side by side in one process; never a timed test."""
