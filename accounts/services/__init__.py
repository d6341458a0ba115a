"""What can be done with accounts: one module for each noun, imperative verbs in it."""
