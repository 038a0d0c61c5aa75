"""Every error that Haechi raises on purpose, as one tree.

    HaechiError
    ├── InputError                  the user's file or argument is at fault
    │   ├── UnreadableMediaError    damaged, truncated, empty, not media at all, or beyond a limit while decoding
    │   └── UnsupportedMediaError   understood, but outside what Haechi handles
    ├── IntegrityError              something stored or pinned is not what its digest says
    ├── StoreError                  the store cannot do it now (disk full, locked, read-only)
    ├── PluginError                 a plugin failed to load or broke its contract
    ├── PolicyError                 refused by a safety rule (DESIGN.md section 2)
    └── RemoteError                 another machine failed; `permanent` says whether a retry can help

A message is one line and says what to do.
"""


class HaechiError(Exception):
    """The root: catch it at an edge to show one clear line."""


class InputError(HaechiError):
    """The file or argument that the user gave cannot be used."""


class UnreadableMediaError(InputError):
    """The file is damaged, empty, not media, or exceeds a decoding limit."""


class UnsupportedMediaError(InputError):
    """The file is readable, but of a kind that Haechi does not handle."""


class IntegrityError(HaechiError):
    """Stored or pinned bytes do not match their digest."""


class StoreError(HaechiError):
    """The store cannot complete the operation; nothing was half written."""


class PluginError(HaechiError):
    """A plugin failed to load or broke its contract."""


class PolicyError(HaechiError):
    """A safety rule forbids the operation; the message names the rule."""


class RemoteError(HaechiError):
    """A remote service failed.

    Args:
        message: what failed and what to do.
        permanent: True when trying again cannot help.
    """

    def __init__(self, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.permanent = permanent
