"""The tables of the store, as SQLAlchemy Core; `migrations/` leads every older database here.

Invariants:
* `fingerprints.seq` only grows and is never given twice, not even after a removal: an index that has read up
  to a `seq` has missed nothing and needs to look only at later rows.
* Ids of releases and bank items are never given twice, so that an index entry of a removed item can never
  speak for a later one.
* `registry.generation` grows with every change of artists, releases or bank: a saved report holds for one
  generation.
* Triggers refuse every UPDATE and DELETE of `ledger`, `evidence` and `checkpoints`. The present state of a record of
  `evidence` is its newest row, all earlier ones stay; each stands in the transaction of the ledger entry of the same
  `seq`. Only `ledger_head` is written over: it is derived from the ledger, and signed.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

HEAD: Final = "0005"
"""The newest revision in `migrations/versions`; a test holds the two together."""

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

registry = sa.Table(
    "registry",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("generation", sa.Integer, nullable=False),
)

artists = sa.Table(
    "artists",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", sa.String, nullable=False, unique=True),
    sa.Column("consent", sa.String, nullable=False),
    sa.Column("added_at", sa.String(32), nullable=False),
)

artist_photos = sa.Table(
    "artist_photos",
    metadata,
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

photo_descriptors = sa.Table(
    "photo_descriptors",
    metadata,
    sa.Column("photo_id", sa.Integer, sa.ForeignKey("artist_photos.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("vector", sa.LargeBinary, nullable=False, comment="float32, little endian, one dimension"),
)

artist_references = sa.Table(
    "artist_references",
    metadata,
    sa.Column("artist_id", sa.String(32), sa.ForeignKey("artists.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
)

releases = sa.Table(
    "releases",
    metadata,
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

protections = sa.Table(
    "protections",
    metadata,
    sa.Column("label", sa.String, primary_key=True),
    sa.Column("output_sha256", sa.String(71), nullable=False, index=True),
    sa.Column(
        "release_id", sa.String(32), sa.ForeignKey("releases.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("source_sha256", sa.String(71), nullable=False, index=True),
    sa.Column("request", sa.String(71), nullable=False),
    sa.Column("manifest", sa.String(71), nullable=False, index=True),
    sa.Column("signed_by", sa.String, nullable=False),
    sa.Column("signed_at", sa.String(32), nullable=False),
    sa.Column("unmarked", sa.String, nullable=True),
)

marks = sa.Table(
    "marks",
    metadata,
    sa.Column("label", sa.String, sa.ForeignKey("protections.label", ondelete="CASCADE"), primary_key=True),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("method", sa.String, nullable=False),
    sa.Column("payload", sa.BigInteger, nullable=False, index=True, unique=True),
    sa.Column("recipient_payload", sa.BigInteger, nullable=True, index=True, unique=True),
    sa.Column("recipient", sa.String, nullable=True),
    sa.Column("psnr_db", sa.Float, nullable=True),
    sa.Column("survives", sa.Boolean, nullable=False),
)

soft_bindings = sa.Table(
    "soft_bindings",
    metadata,
    sa.Column("label", sa.String, sa.ForeignKey("protections.label", ondelete="CASCADE"), primary_key=True),
    sa.Column("alg", sa.String, primary_key=True, index=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
)

bank_items = sa.Table(
    "bank_items",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("sha256", sa.String(71), nullable=False, unique=True),
    sa.Column("source_name", sa.String, nullable=False),
    sa.Column("because", sa.String, nullable=False),
    sa.Column("added_at", sa.String(32), nullable=False),
    sa.Column("duration_s", sa.Float, nullable=True),
)

fingerprints = sa.Table(
    "fingerprints",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("item", sa.String(8), nullable=False),
    sa.Column("item_id", sa.String(32), nullable=False, index=True),
    sa.Column("algorithm", sa.String, nullable=False, index=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

saved_reports = sa.Table(
    "saved_reports",
    metadata,
    sa.Column("sha256", sa.String(71), primary_key=True),
    sa.Column("software_id", sa.String(71), primary_key=True),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("saved_at", sa.String(32), nullable=False),
    sa.Column("report", sa.Text, nullable=False),
)

ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("act", sa.String, nullable=False),
    sa.Column("subject", sa.String, nullable=False, index=True),
    sa.Column("entry", sa.LargeBinary, nullable=False, comment="canonical JSON (RFC 8785)"),
    sa.Column("leaf", sa.LargeBinary(32), nullable=False, comment="RFC 6962 leaf hash of entry"),
)

evidence = sa.Table(
    "evidence",
    metadata,
    sa.Column("seq", sa.Integer, sa.ForeignKey("ledger.seq"), primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("id", sa.String(64), nullable=False),
    sa.Column("parent", sa.String(64), nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False, comment="canonical JSON (RFC 8785)"),
    sa.Index("ix_evidence_kind_id", "kind", "id"),
    sa.Index("ix_evidence_kind_parent", "kind", "parent"),
)

checkpoints = sa.Table(
    "checkpoints",
    metadata,
    sa.Column("size", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("checkpoint", sa.LargeBinary, nullable=False),
)

ledger_head = sa.Table(
    "ledger_head",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("frontier", sa.LargeBinary, nullable=False, comment="roots of the full subtrees, largest first"),
    sa.Column("checkpoint", sa.LargeBinary, nullable=False),
)
