"""An iterator that runs ahead in a thread of its own, a bounded number of items; runs only inside the decoding child.

FFmpeg, OpenCV and NumPy let go of the interpreter's lock, so that one thread can decode and mark while the other codes.
The order of the items, and with it the file that is made of them, is that of the plain iterator.
Invariants: at most `most` items wait, one more is being made; an error comes out where the item would have come; when
the consumer stops, the thread stops after its present item. A producer that hangs gives nothing, and the parent ends
the child as it does without a thread.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Final, TypeVar

_END_WAIT_S: Final = 5.0

Item = TypeVar("Item")


class _End:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def ahead(items: Iterator[Item], most: int) -> Iterator[Item]:
    """The same items, made ahead.

    Args:
        items: is iterated in the thread only.
        most: items that may wait, at least 1.
    """
    waiting: queue.Queue[Item | _End] = queue.Queue(max(1, most))
    stopped = threading.Event()

    def make() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                waiting.put(item)
                if stopped.is_set():
                    return
        except BaseException as raised:  # noqa: BLE001  goes on in the consumer's thread
            error = raised
        waiting.put(_End(error))

    maker = threading.Thread(target=make, daemon=True)
    maker.start()
    try:
        while True:
            item = waiting.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stopped.set()
        _drain(waiting)  # one put may be waiting for room
        maker.join(_END_WAIT_S)


def _drain(waiting: queue.Queue[Item]) -> None:
    while True:
        try:
            waiting.get_nowait()
        except queue.Empty:
            return
