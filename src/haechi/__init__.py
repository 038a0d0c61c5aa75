"""Haechi protects performers against deepfakes.

    import haechi

    report = haechi.check("suspicious.mp4")                    # against everything that is registered
    report = haechi.compare("suspicious.mp4", "master.mov")    # against one file, nothing registered
    print(report.verdict, report.changes)

Both take the same settings as the command line and read the same `HAECHI_*` variables. Errors are
`haechi.HaechiError` and its kinds (`haechi.core.errors`). Nothing heavy is imported before the first call.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import haechi.check as _check_package
from haechi.core.errors import HaechiError

if TYPE_CHECKING:
    from haechi.core.records import Report
    from haechi.core.settings import Settings

    __version__: str
else:

    def __getattr__(name: str) -> str:
        """`__version__`, read from the installed package only when asked for."""
        if name != "__version__":
            raise AttributeError(f"module 'haechi' has no attribute {name!r}")
        from importlib.metadata import version

        return version("haechi")


__all__ = ["HaechiError", "check", "compare"]

_PathLike = str | os.PathLike[str]


def check(
    path: _PathLike,
    *,
    home: _PathLike | None = None,
    models: _PathLike | None = None,
    pictures: bool = False,
) -> Report:
    """Check one file against the artists, releases and bank in a home.

    Args:
        path: image, video or sound file.
        home: folder of the store, created on first use; `HAECHI_HOME` or the user's data folder if not given.
        models: folder of model weights; `HAECHI_MODELS` or the user's data folder if not given.
        pictures: put pictures for an HTML report into the report.

    Raises:
        InputError: the file cannot be read or is no media that Haechi handles.
        StoreError: the store cannot be opened.
    """
    _begin()
    from haechi.check.check import check_file
    from haechi.core.store import open_store

    settings = _settings(home, models)
    return check_file(Path(path), open_store(settings.home), settings, pictures=pictures)


def compare(probe: _PathLike, master: _PathLike, *, models: _PathLike | None = None, pictures: bool = False) -> Report:
    """Compare a file under check with an authentic one; nothing needs to be registered.

    Args:
        probe: image, video or sound file under check.
        master: the authentic file.
        models: folder of model weights; `HAECHI_MODELS` or the user's data folder when not given.
        pictures: put pictures for an HTML report into the report.

    Raises:
        InputError: one of the files cannot be read or is no media that Haechi handles.
    """
    _begin()
    from haechi.check.pair import compare_pair

    return compare_pair(Path(probe), Path(master), _settings(None, models), pictures=pictures)


def _begin() -> None:
    """Let the decoding service start while the rest is loaded."""
    from haechi.core.media.sandbox import warm_up

    warm_up()


def _settings(home: _PathLike | None, models: _PathLike | None) -> Settings:
    from haechi.core.settings import Settings

    default = Settings()
    return default.model_copy(
        update={
            "home": default.home if home is None else Path(home),
            "models": default.models if models is None else Path(models),
        }
    )


class _CallablePackage(ModuleType):
    """`haechi.check` is a package.

    Which the import system puts in the function's place: so it can be called.
    """

    def __call__(self, path: _PathLike, **options: Any) -> Report:
        """Do what the function `check` above does."""
        return _check(path, **options)


_check = check
_check_package.__class__ = _CallablePackage
sys.modules[__name__].__dict__["check"] = _check_package
