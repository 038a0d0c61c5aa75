"""What was signed: source, output, release and the manifest store, which is kept as a blob."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table of protected releases."""
    op.create_table(
        "protections",
        sa.Column("label", sa.String, primary_key=True),
        sa.Column("output_sha256", sa.String(71), nullable=False),
        sa.Column("release_id", sa.String(32), sa.ForeignKey("releases.id", ondelete="CASCADE"), nullable=False),
        sa.Column("source_sha256", sa.String(71), nullable=False),
        sa.Column("request", sa.String(71), nullable=False),
        sa.Column("manifest", sa.String(71), nullable=False),
        sa.Column("signed_by", sa.String, nullable=False),
        sa.Column("signed_at", sa.String(32), nullable=False),
    )
    for column in ("output_sha256", "release_id", "source_sha256", "manifest"):
        op.create_index(f"ix_protections_{column}", "protections", [column])
