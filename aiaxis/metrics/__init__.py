"""What can operators watch from outside, in the words of Prometheus: counts, times and states, and nobody's data."""
