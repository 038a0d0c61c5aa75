"""How many threads matrix products take at the moment."""

from __future__ import annotations

from threadpoolctl import threadpool_info


def product_threads() -> set[int]:
    """Of each library that is loaded for them."""
    return {int(one["num_threads"]) for one in threadpool_info() if one["user_api"] == "blas"}
