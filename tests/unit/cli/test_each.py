"""The same work on many files."""

from __future__ import annotations

from pathlib import Path

from threadpoolctl import threadpool_limits

from haechi.cli.each import work_through
from haechi.cli.session import Session
from threads import product_threads


def test_files_side_by_side_have_one_core_each_for_matrix_products() -> None:
    used: list[set[int]] = []

    def work(_path: Path, _progress: object) -> set[int]:
        return product_threads()

    with threadpool_limits(2, user_api="blas"):
        for side_by_side in (2, 1):
            assert work_through(Session(), [Path("a")] * 3, Path, work, used.append, side_by_side=side_by_side) == 0
        after = product_threads()
    assert used == [{1}] * 3 + [{2}] * 3
    assert after == {2}
