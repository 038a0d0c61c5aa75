"""The account of the operating system, which stands for a person where Haechi has no accounts of its own."""

from __future__ import annotations

import getpass


def login_account() -> str:
    """`local:<login name>`; the colon keeps it apart from every account of Haechi."""
    try:
        return f"local:{getpass.getuser()}"
    except (OSError, KeyError):
        return "local:unknown"
