"""Evidence: the ledger, the records that it vouches for, its head and its signed checkpoints."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_APPEND_ONLY = ("ledger", "evidence", "checkpoints")


def upgrade() -> None:
    """Create the tables, and the triggers that refuse to change or remove a row of them."""
    op.create_table(
        "ledger",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("act", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("entry", sa.LargeBinary, nullable=False, comment="canonical JSON (RFC 8785)"),
        sa.Column("leaf", sa.LargeBinary(32), nullable=False, comment="RFC 6962 leaf hash of entry"),
    )
    op.create_index("ix_ledger_subject", "ledger", ["subject"])
    op.create_table(
        "evidence",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("parent", sa.String(64), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False, comment="canonical JSON (RFC 8785)"),
        sa.ForeignKeyConstraint(["seq"], ["ledger.seq"]),
    )
    op.create_index("ix_evidence_kind_id", "evidence", ["kind", "id"])
    op.create_index("ix_evidence_kind_parent", "evidence", ["kind", "parent"])
    op.create_table(
        "checkpoints",
        sa.Column("size", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("checkpoint", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "ledger_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("frontier", sa.LargeBinary, nullable=False, comment="roots of the full subtrees, largest first"),
        sa.Column("checkpoint", sa.LargeBinary, nullable=False),
    )
    for table in _APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
