"""What was an agent before, what changed, and how does it become that again? The rooms of an agent's versions."""
