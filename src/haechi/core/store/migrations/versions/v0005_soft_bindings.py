"""What the manifests of signed outputs are found again by: codes of their content and digests of their marks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table of soft bindings."""
    op.create_table(
        "soft_bindings",
        sa.Column("label", sa.String, sa.ForeignKey("protections.label", ondelete="CASCADE"), primary_key=True),
        sa.Column("alg", sa.String, primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_soft_bindings_alg", "soft_bindings", ["alg"])
