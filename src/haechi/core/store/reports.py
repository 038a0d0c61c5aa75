"""Saved reports, so that a check of many files goes on where it stopped; inside a transaction of the caller.

A report holds for the same bytes, the same software and the same generation of the registry; any other one
for the same bytes and software is overwritten.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from haechi.core.store.rows import now
from haechi.core.store.schema import registry, saved_reports


def generation(connection: sa.Connection) -> int:
    """How often artists, releases or bank have changed."""
    return int(connection.execute(sa.select(registry.c.generation)).scalar_one())


def next_generation(connection: sa.Connection) -> None:
    """Let every saved report lapse: what they were checked against has changed."""
    connection.execute(sa.update(registry).values(generation=registry.c.generation + 1))
    connection.execute(sa.delete(saved_reports))


def saved_report(connection: sa.Connection, sha256: str, software_id: str) -> str | None:
    """The report of the present generation, or None."""
    query = sa.select(saved_reports.c.report).where(
        saved_reports.c.sha256 == sha256,
        saved_reports.c.software_id == software_id,
        saved_reports.c.generation == sa.select(registry.c.generation).scalar_subquery(),
    )
    return connection.execute(query).scalar()


def reports_on(connection: sa.Connection, digests: Sequence[str]) -> list[tuple[str, str, str]]:
    """Reports of the present generation on these bytes: digest, when it was saved, text."""
    table = saved_reports.c
    query = (
        sa.select(table.sha256, table.saved_at, table.report)
        .where(table.sha256.in_(digests), table.generation == sa.select(registry.c.generation).scalar_subquery())
        .order_by(table.sha256, table.saved_at)
    )
    return [(row.sha256, row.saved_at, row.report) for row in connection.execute(query)]


def save_report(connection: sa.Connection, sha256: str, software_id: str, report: str, since_generation: int) -> None:
    """Keep a report that was made against the registry of `since_generation`."""
    connection.execute(sa.delete(saved_reports).filter_by(sha256=sha256))
    values = {"sha256": sha256, "software_id": software_id, "generation": since_generation}
    connection.execute(sa.insert(saved_reports).values(values | {"saved_at": now(), "report": report}))
