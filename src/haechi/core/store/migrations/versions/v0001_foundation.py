"""Artists, releases, bank, fingerprints and saved reports."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the first tables.

    Written out in full, because `schema.py` moves on and a revision never does.
    """
    _create_artists()
    _create_items()
    op.create_table(
        "registry",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("generation", sa.Integer, nullable=False),
    )
    op.execute("INSERT INTO registry (id, generation) VALUES (1, 0)")
    op.create_table(
        "saved_reports",
        sa.Column("sha256", sa.String(71), primary_key=True),
        sa.Column("software_id", sa.String(71), primary_key=True),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("saved_at", sa.String(32), nullable=False),
        sa.Column("report", sa.Text, nullable=False),
    )


def _create_artists() -> None:
    op.create_table(
        "artists",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String, nullable=False, unique=True),
        sa.Column("consent", sa.String, nullable=False),
        sa.Column("added_at", sa.String(32), nullable=False),
    )
    op.create_table(
        "artist_photos",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "artist_id",
            sa.String(32),
            sa.ForeignKey("artists.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("source_name", sa.String, nullable=False),
        sa.Column("sha256", sa.String(71), nullable=False),
        sa.UniqueConstraint("artist_id", "sha256"),
    )
    op.create_table(
        "photo_descriptors",
        sa.Column("photo_id", sa.Integer, sa.ForeignKey("artist_photos.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("vector", sa.LargeBinary, nullable=False, comment="float32, little endian, one dimension"),
    )
    op.create_table(
        "artist_references",
        sa.Column("artist_id", sa.String(32), sa.ForeignKey("artists.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )


def _create_items() -> None:
    op.create_table(
        "releases",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("sha256", sa.String(71), nullable=False, unique=True),
        sa.Column("source_name", sa.String, nullable=False),
        sa.Column("artist_id", sa.String(32), sa.ForeignKey("artists.id", ondelete="SET NULL"), nullable=True),
        sa.Column("published", sa.String, nullable=True),
        sa.Column("added_at", sa.String(32), nullable=False),
        sa.Column("duration_s", sa.Float, nullable=True),
        sa.Column("width", sa.Integer, nullable=True),
        sa.Column("height", sa.Integer, nullable=True),
        sa.Column("proxy", sa.String(71), nullable=True, index=True),
    )
    op.create_table(
        "bank_items",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("sha256", sa.String(71), nullable=False, unique=True),
        sa.Column("source_name", sa.String, nullable=False),
        sa.Column("because", sa.String, nullable=False),
        sa.Column("added_at", sa.String(32), nullable=False),
        sa.Column("duration_s", sa.Float, nullable=True),
    )
    op.create_table(
        "fingerprints",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("item", sa.String(8), nullable=False),
        sa.Column("item_id", sa.String(32), nullable=False, index=True),
        sa.Column("algorithm", sa.String, nullable=False, index=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
