"""Django's PostgreSQL backend, with the sealed context in front of every statement."""
