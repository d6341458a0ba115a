"""WorkOS as an identity system. Only this package imports its SDK, which takes a second to load: ``providers`` imports it last."""
