"""What a court asks of an exhibit besides its bytes: who took it, by what right, with what, in which way.

Sources: ISO/IEC 27037:2012 clauses 5.4 and 6 (chain of custody: who, what, when, why), SWGDE "Best Practices for
Computer Forensic Acquisitions": authority, examiner, tool, version, settings, method.
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import urlsplit

from haechi.core.errors import InputError

LONGEST: Final = 4000
_PLATFORMS: Final[Mapping[str, str]] = {
    "youtube.com": "YouTube",
    "youtu.be": "YouTube",
    "tiktok.com": "TikTok",
    "instagram.com": "Instagram",
    "facebook.com": "Facebook",
    "x.com": "X",
    "twitter.com": "X",
    "t.me": "Telegram",
    "reddit.com": "Reddit",
    "bilibili.com": "Bilibili",
    "weibo.com": "Weibo",
    "naver.com": "Naver",
    "tistory.com": "Tistory",
    "dcinside.com": "DC Inside",
    "discord.com": "Discord",
    "nicovideo.jp": "Niconico",
}


@dataclass(frozen=True, slots=True)
class Found:
    """Where an item was found, as the public page shows it.

    Attributes:
        url: address, or empty.
        posted: when it was posted, with its zone, or empty.
        account: poster's public name, or empty.
        platform: name of the service; found from the address when empty.
    """

    url: str = ""
    posted: str = ""
    account: str = ""
    platform: str = ""

    def checked(self) -> Found:
        """Itself, with the platform filled in.

        Raises:
            InputError: the address is none, the time has no zone, or a field is far too long.
        """
        if any(len(value) > LONGEST for value in (self.url, self.posted, self.account, self.platform)):
            raise InputError(f"a field of an exhibit has at most {LONGEST} characters")
        return Found(self.url, _with_zone(self.posted), self.account, self.platform or platform_of(self.url))


def platform_of(url: str) -> str:
    """Name of the service that an address belongs to, or its host.

    Raises:
        InputError: this is no web address.
    """
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError as error:
        raise InputError(f"{url!r} is no web address") from error
    if parts.scheme not in ("http", "https") or not host or re.search(r"\s", url):
        raise InputError(f"{url!r} is no web address; it begins with https://")
    for known, name in _PLATFORMS.items():
        if host == known or host.endswith(f".{known}"):
            return name
    return host


def tool_facts(examiner: str, authority: str, method: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of the tool and of the hand that used it.

    Args:
        examiner: who did it.
        authority: by what right, e.g. the contract with the artist.
        method: in which way.
        settings: what the tool was told.
    """
    return {
        "authority": authority,
        "examiner": examiner,
        "tool": "haechi",
        "version": version("haechi"),
        "method": method,
        "settings": dict(settings),
        "system": f"{platform.system()} {platform.release()}, Python {sys.version.split()[0]}",
    }


def _with_zone(posted: str) -> str:
    """A time of day must say its zone; a bare day, or words as the page shows them, stay as they are."""
    try:
        moment = datetime.fromisoformat(posted)
    except ValueError:
        return posted
    has_time = len(posted.strip()) > len("2026-11-22")
    if has_time and moment.tzinfo is None:
        raise InputError(f"the time {posted} needs its zone, e.g. {posted}+09:00")
    return posted
