"""The earlier output of ours that a file without credentials was made from, as `parentOf` ingredient with its manifest.

Method: the library takes the manifest of an ingredient as a resource if it gets the results of its validation with it.
They are the library's own, of the manifest read by itself. That nobody vouches for its issuer stands in them, as the
library writes it for every ingredient: a reader who does not know that issuer would trust the new file less without it.
One is left out: whether the output's bytes are those that were signed. They do not lie here; they were held against the
manifest before they were published. That the file which was opened has other bytes is no failure: it was found by a
soft binding [1, 18.16].
Limits: the library drops the specification's own field for that (`softBindingsMatched`), so the description says it in
words. A manifest that does not hold by itself any more, as its certificate has ended, would put its failure into the
history of what is signed now: it is named, and not carried along.
[1] C2PA Technical Specification 2.4.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import c2pa

from haechi.core.provenance.child import OFFLINE
from haechi.core.provenance.read import UNKNOWN_ISSUER, said_of_opened

RESOURCE: Final = "parent.c2pa"
_TYPE: Final = "application/c2pa"
_HARD_BINDING: Final = "c2pa.hash."


@dataclass(frozen=True, slots=True)
class Parent:
    """An ingredient as `c2pa.Builder` takes it.

    Attributes:
        definition: for the manifest's `ingredients`.
        manifest: the manifest store that goes along under the name `RESOURCE`; None where it is only named.
    """

    definition: Mapping[str, Any]
    manifest: bytes | None


def parent_of(manifest: bytes, source_name: str, settings: Mapping[str, Any]) -> Parent:
    """Describe the output that a manifest store was made for.

    Args:
        manifest: the store, one of ours and unchanged.
        source_name: the file that was opened and led to it.
        settings: of the library, as for signing.

    Raises:
        c2pa.C2paError: it is no manifest store.
    """
    store = _read(manifest, settings)
    label, results = store["active_manifest"], store["validation_results"]
    known, current = store["manifests"][label], results["activeManifest"]
    failures = [one for one in current["failure"] if not _is_of_bytes(one)]
    definition = {
        "title": known["title"],
        "instance_id": known["instance_id"],
        "relationship": "parentOf",
        "description": f"{source_name} had no content credentials; its invisible mark led to this release, and its "
        "content agrees with it",
    }
    if any(one["code"] not in UNKNOWN_ISSUER for one in failures):
        return Parent(definition, None)
    carried = {
        "active_manifest": label,
        "manifest_data": {"format": _TYPE, "identifier": RESOURCE},
        "validation_results": {**results, "activeManifest": {**current, "failure": failures}},
    }
    return Parent(definition | carried, manifest)


def parent_label(manifest: bytes) -> str | None:
    """Label of the parent that a manifest store of ours names; None where it names none, or is damaged."""
    try:
        store = _read(manifest, OFFLINE)
    except c2pa.C2paError:
        return None
    return said_of_opened(store["manifests"][store["active_manifest"]], "active_manifest")


def _read(manifest: bytes, settings: Mapping[str, Any]) -> dict[str, Any]:
    with (
        c2pa.Context(c2pa.Settings.from_dict(dict(settings))) as context,
        c2pa.Reader(_TYPE, io.BytesIO(manifest), context=context) as reader,
    ):
        return dict(json.loads(reader.json()))


def _is_of_bytes(failure: Mapping[str, Any]) -> bool:
    return str(failure.get("url", "")).rsplit("/", 1)[-1].startswith(_HARD_BINDING)
