"""Group commit: changes of several threads share one transaction, because the disk takes far longer than the change.

Method: whoever comes while nobody writes becomes the leader, opens one transaction, runs every change that waits by
then, each in a savepoint of its own, and commits once. The others wait until the commit has returned: nothing is
acknowledged before it is on the disk. A change that fails takes back only itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, cast

Change = TypeVar("Change")
Result = TypeVar("Result")


class Job(Generic[Change]):
    """One change and what became of it."""

    def __init__(self, work: Callable[[Change], Any]) -> None:
        self.work = work
        self.result: Any = None
        self.error: BaseException | None = None
        self.done = threading.Event()


class GroupCommit(Generic[Change]):
    """Runs changes in as few transactions as possible.

    Args:
        commit: runs a group in one transaction, notes each job's result or error, and commits; when it raises, no job
            of the group has taken effect.
        most: largest group.
    """

    def __init__(self, commit: Callable[[Sequence[Job[Change]]], None], most: int = 512) -> None:
        self._commit = commit
        self._most = most
        self._lock = threading.Lock()
        self._waiting: list[Job[Change]] = []
        self._led = False

    def run(self, work: Callable[[Change], Result]) -> Result:
        """Do one change; returns after its commit, or raises what it raised."""
        job: Job[Change] = Job(work)
        with self._lock:
            self._waiting.append(job)
            leads = not self._led
            self._led = True
        if leads:
            self._lead()
        job.done.wait()
        if job.error is not None:
            raise job.error
        return cast(Result, job.result)

    def _lead(self) -> None:
        while True:
            with self._lock:
                group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                if not group:
                    self._led = False
                    return
            try:
                self._commit(group)
            except BaseException as error:
                for job in group:
                    job.error = job.error or error
                if not isinstance(error, Exception):
                    self._abandon(error)
                    raise
            finally:
                for job in group:
                    job.done.set()

    def _abandon(self, error: BaseException) -> None:
        """The leader is being stopped: whoever came meanwhile must not wait for ever."""
        with self._lock:
            left, self._waiting, self._led = self._waiting, [], False
        for job in left:
            job.error = error
            job.done.set()
