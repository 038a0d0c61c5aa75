"""Alembic revisions of the store, run when a home is first used by this version of Haechi."""
