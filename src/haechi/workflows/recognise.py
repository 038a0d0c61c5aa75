"""What comes in is recognised: which exhibits show the same, which release it comes from, what its bytes are known of.

Steps of `Recogniser`:
1. Fingerprints of what the file shows.
2. Exhibits that show the same.
3. Where it was made from a release: how it differs from it, by the whole comparison, since two files of one release
   look alike because of the release.
Whatever cannot be done (no media, a working copy that is missing, no weights) is said, and the file comes in anyway.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from haechi.check.check import check_file
from haechi.check.match import match
from haechi.core.errors import HaechiError, InputError
from haechi.core.fingerprint import fingerprint_media
from haechi.core.fingerprint.catalogue import EXHIBITS
from haechi.core.flag import Classify, Flag
from haechi.core.media.probe import hash_file, probe_media
from haechi.core.recognition import Likeness, Recognise, Seen, origin_of
from haechi.core.settings import Settings
from haechi.core.store import Store
from haechi.core.store.evidence import Evidence
from haechi.preserve.items import SAME, known_sexual

MATCH: Final = "haechi-match/1"


class Recogniser:
    """Sees what a file shows; see the module for the steps. Never raises.

    Args:
        store: releases, and fingerprints of exhibits.
        settings: where the models are and what a file may cost.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    def __call__(self, path: Path) -> Seen:
        """What a file shows."""
        limits = self._settings.limits
        try:
            info = probe_media(path, limits)
            # 1. Fingerprints.
            sets = fingerprint_media(path, info, limits)
            # 2. Exhibits.
            found = match(path, info, self._store, limits, EXHIBITS)
        except HaechiError as error:
            return Seen(abstained=str(error))
        like = tuple(Likeness(one.item_id, one.method, one.score) for one in found)
        seen = Seen(sets, like)
        # 3. Release.
        try:
            matched = match(path, info, self._store, limits)
            if not any(one.item == "release" for one in matched):
                return seen
            report = check_file(path, self._store, self._settings, pictures=False, matched=matched)
        except HaechiError as error:
            return replace(seen, abstained=f"its release could not be compared: {error}")
        return replace(seen, origin=origin_of(report))


class Lookout:
    """One intake's eyes: recognises once, and raises the flag over what is known from the lane `sexual`.

    Args:
        evidence: what is known.
        recognise: sees what a file shows, or None for bytes alone.
        classify: flags sexual content, or None.
    """

    def __init__(self, evidence: Evidence, recognise: Recognise | None, classify: Classify | None) -> None:
        self._evidence = evidence
        self._recognise = recognise
        self._classify = classify
        self._seen: dict[Path, Seen] = {}

    def recognise(self, path: Path) -> Seen:
        """See `Recogniser`; nothing where nobody recognises."""
        self._seen[path] = self._recognise(path) if self._recognise is not None else Seen()
        return self._seen[path]

    def classify(self, path: Path) -> Flag:
        """A raised flag over what is known from the lane `sexual`, else what the classifier says."""
        try:
            digest = hash_file(path)
        except InputError:
            digest = ""
        known = known_sexual(self._evidence, digest, self._seen.get(path)) if digest else ""
        if known:
            return Flag(1.0, model=MATCH, because=SAME.format(exhibit=known))
        if self._classify is None:
            return Flag(None, model=MATCH, abstained="no classifier looked")
        return self._classify(path)
