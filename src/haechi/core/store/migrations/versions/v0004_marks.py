"""Invisible marks: whose copy of which release carries which number, and why a copy carries none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table of marks, and say of protected releases why they bear none."""
    op.create_table(
        "marks",
        sa.Column("label", sa.String, sa.ForeignKey("protections.label", ondelete="CASCADE"), primary_key=True),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("method", sa.String, nullable=False),
        sa.Column("payload", sa.BigInteger, nullable=False),
        sa.Column("recipient_payload", sa.BigInteger, nullable=True),
        sa.Column("recipient", sa.String, nullable=True),
        sa.Column("psnr_db", sa.Float, nullable=True),
        sa.Column("survives", sa.Boolean, nullable=False),
    )
    for column in ("payload", "recipient_payload"):
        op.create_index(f"ix_marks_{column}", "marks", [column], unique=True)
    op.add_column("protections", sa.Column("unmarked", sa.String, nullable=True))
