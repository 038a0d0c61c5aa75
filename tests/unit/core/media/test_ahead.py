"""Iterators that run ahead."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from haechi.core.media.ahead import ahead


def test_the_items_come_in_order() -> None:
    assert list(ahead(iter(range(100)), 3)) == list(range(100))
    assert list(ahead(iter(()), 3)) == []


def test_only_so_many_wait() -> None:
    made: list[int] = []
    room = threading.Event()

    def items() -> Iterator[int]:
        for number in range(20):
            made.append(number)
            if number == 4:
                room.set()
            yield number

    found = ahead(items(), 3)
    assert next(found) == 0
    assert room.wait(5)  # one is taken, three wait, one waits for room
    assert made == [0, 1, 2, 3, 4]
    assert list(found) == list(range(1, 20))


@pytest.mark.parametrize("error", [ValueError("broken"), MemoryError(), KeyboardInterrupt()])
def test_an_error_comes_where_the_item_would_have_come(error: BaseException) -> None:
    def items() -> Iterator[int]:
        yield 1
        raise error

    found = ahead(items(), 3)
    assert next(found) == 1
    with pytest.raises(type(error)):
        next(found)


def test_who_stops_early_stops_the_thread() -> None:
    before = set(threading.enumerate())
    ended: list[bool] = []

    def items() -> Iterator[int]:
        try:
            yield from range(1_000_000)
        finally:
            ended.append(True)

    found = ahead(items(), 2)
    assert next(found) == 0
    found.close()  # type: ignore[attr-defined]
    assert set(threading.enumerate()) <= before
    assert len(ended) == 1
