"""What every kind of second place keeps to: how much it reads back, and who takes our mail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MOST_BYTES: Final = 1 << 16
"""Of one checkpoint; it has about 600."""
MOST_FILES: Final = 10_000


@dataclass(frozen=True, slots=True)
class MailServer:
    """Who takes our mail.

    Attributes:
        uri: `smtps://HOST[:465]`, or `smtp://HOST[:587]`, which must offer STARTTLS; empty for none.
        sender: address that the mail is from.
        user: name to sign in with, or empty.
        password: of the user.
    """

    uri: str = ""
    sender: str = ""
    user: str = ""
    password: str = ""
