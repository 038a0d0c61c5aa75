from __future__ import annotations

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from haechi.core.store import Store
from haechi.core.store.schema import HEAD, metadata


def test_head_is_the_newest_revision() -> None:
    config = Config()
    config.set_main_option("script_location", "haechi.core.store:migrations")
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_migrations_lead_to_the_tables_of_the_schema(store: Store) -> None:
    engine = sa.create_engine(f"sqlite:///{store.home / 'haechi.db'}", poolclass=sa.NullPool)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
