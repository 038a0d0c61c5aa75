"""Detectors: those that are built in, and those that other packages bring by entry point.

A package offers a detector by an entry point of the group `haechi.detectors` that names a class without
required arguments. One that fails to load stops the start: a check that silently lacks a detector would read
as innocence.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from haechi.core.errors import PluginError
from haechi.core.protocols import Detector

GROUP: Final = "haechi.detectors"

BUILT_IN: Final[tuple[type[Detector], ...]] = ()
"""Stands here, and not in the package's own entry points, so that the type checker sees the shape of each."""


def load_detectors(offered: Iterable[EntryPoint] | None = None) -> tuple[Detector, ...]:
    """Every detector, ready to examine.

    Args:
        offered: entry points to load; by default those of the installed packages.

    Raises:
        PluginError: one cannot be loaded, is no detector, or bears the name of another.
    """
    detectors = [detector() for detector in BUILT_IN]
    for point in entry_points(group=GROUP) if offered is None else offered:
        detectors.append(_load(point))
    names = [detector.name for detector in detectors]
    for name in names:
        if names.count(name) > 1:
            raise PluginError(f"two detectors are called {name!r}; uninstall one of the packages")
    return tuple(detectors)


def _load(point: EntryPoint) -> Detector:
    try:
        detector = point.load()()
    except Exception as error:  # the plugin boundary: the user learns which one it was
        raise PluginError(f"detector {point.name!r} ({point.value}) does not load: {error}") from error
    if not isinstance(detector, Detector):
        raise PluginError(f"{point.name!r} ({point.value}) is no detector: name, version, examine are needed")
    return detector
