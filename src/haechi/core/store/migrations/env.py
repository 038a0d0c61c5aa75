"""What Alembic runs: the revisions, on the connection and in the transaction that the caller opened.

The caller (`haechi.core.store.engines`) holds the migration lock, so that two processes never migrate at
once, and the whole of it is one transaction: a killed migration leaves the database as it was.
"""

from __future__ import annotations

from alembic import context

from haechi.core.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
