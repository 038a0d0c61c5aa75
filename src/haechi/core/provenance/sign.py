"""Signing of media files: a C2PA manifest that says whose release this is and what may be done with it.

Steps of `sign_media`:
1. The claims: opened from the file as it was (`parentOf`; credentials that it carried are kept inside), or from the
   earlier output that a file without credentials was made from (`parent`), and published; who made it and whose rights
   it is; not to be used for training or mining; what it is found again by when the manifest was stripped: its ISCC, and
   a keyed digest of its mark's number, never the number itself (whoever knows the numbers of many marked pictures could
   work out the pattern).
2. Sign into a new file. The input is only read: signing in place would empty it.
What is written is not synced to the disk: whoever keeps it syncs it (`core.durable`) before relying on it.
No action says how the content came about ("created" with a digital source type): we do not know it.
Limits: no thumbnails (they take more room than a small picture). Films of more than 64 MiB are hashed in pieces of
1 MiB, so that a gigabyte takes little memory, where the pieces can be made as the specification has them (`pieces`);
fragmented ones and the few others are hashed whole, which takes up to 550 MB.
Source: C2PA Technical Specification 2.2; CAWG Metadata 1.1, Training and Data Mining 1.1.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import c2pa

from haechi.core.errors import InputError, RemoteError, UnsupportedMediaError
from haechi.core.provenance.child import OFFLINE, PURPOSES
from haechi.core.provenance.formats import Place, head_of, place_of_manifest
from haechi.core.provenance.keys import Identity
from haechi.core.provenance.parent import RESOURCE, Parent, parent_of
from haechi.core.provenance.pieces import WithHeads, heads_for_pieces
from haechi.core.records import SoftBinding

LISTED: Final = frozenset({"io.iscc.v0"})
"""Those of our soft bindings that are on C2PA's list of algorithms."""
MARK_LABEL: Final = "haechi.mark"
"""Label of the private assertion for a mark that is not on the list."""
_PIECE_KIB: Final = 1024
_WHOLE_BYTES: Final = 64 << 20
# The library keeps what it is writing in memory up to here, and beyond that in a file without a name. Its own bound is
# 512 MB: a film below that took twice its size.
_IN_MEMORY_MB: Final = 16
_NOT_ALLOWED: Final = (
    "cawg.ai_generative_training",
    "cawg.ai_training",
    "cawg.ai_inference",
    "cawg.data_mining",
)
# Unknown keys are accepted silently, so tests hold what they do. Whoever signs reads the output afresh, in a process of
# its own: a second reading here would double the time and add nothing.
_SETTINGS: Final[dict[str, Any]] = {
    "verify": {**OFFLINE["verify"], "verify_after_sign": False},
    "trust": {"trust_config": PURPOSES},  # of whoever signed what is opened
    "builder": {"thumbnail": {"enabled": False}},
}


@dataclass(frozen=True, slots=True)
class Claim:
    """What is claimed of a release.

    Attributes:
        title: what the release is called.
        organisation: whose rights it is.
        artist: who performs, or None.
        source_name: name of the file that was opened.
        published_at: ISO 8601, UTC.
        bindings: what the manifest is found again by; those on C2PA's list go into `c2pa.soft-binding`.
        parent: manifest store of the earlier output of ours that the file was made from, if it has no credentials.
    """

    title: str
    organisation: str
    artist: str | None
    source_name: str
    published_at: str
    bindings: tuple[SoftBinding, ...] = ()
    parent: bytes | None = field(default=None, repr=False)


def check_authority(tsa: str | None) -> None:
    """See that a time stamp authority can be asked, if one is named.

    Raises:
        InputError: this is no address.
    """
    if tsa is not None and not tsa.startswith(("http://", "https://")):
        raise InputError(f"{tsa!r} is no address of a time stamp authority; it begins with https:// or http://")


def sign_media(
    source: Path,
    target: Path,
    sidecar: Path,
    claim: Claim,
    identity: Identity,
    *,
    tsa: str | None = None,
    original: Path | None = None,
) -> bytes:
    """Sign a file; see the module for the steps.

    Args:
        source: what is signed; it is only read.
        target: the signed file to write; there must be none yet.
        sidecar: where the manifest goes if the file cannot hold it; there must be none yet.
        claim: what is claimed.
        identity: who signs.
        tsa: address of a time stamp authority (RFC 3161), which is sent a digest of the signature; None for no stamp.
        original: what the source was made from, when that is another file; its credentials are kept.

    Returns:
        The manifest store, as it stands in the target or in the sidecar.

    Raises:
        InputError: the key cannot be used, or the address is none.
        IntegrityError: the signer gave a wrong signature.
        RemoteError: the time stamp authority gave no time stamp.
        UnsupportedMediaError: the file cannot be signed; what was written of the target must be thrown away.
    """
    place = _place(source)
    check_authority(tsa)
    failures: list[Exception] = []
    signs = identity.signer()

    def sign(data: bytes) -> bytes:
        # The library passes on that signing failed, not why.
        try:
            return signs(data)
        except Exception as error:
            failures.append(error)
            raise

    # 1. and 2.
    try:
        manifest = _sign(source, original or source, target, place, claim, identity, sign, tsa)
    except c2pa.C2paError as error:
        if failures:
            raise failures[0] from error
        if tsa is not None and isinstance(error, c2pa.C2paError.Signature):
            raise RemoteError(
                f"{tsa} gave no time stamp ({_one_line(error)}); try again later", permanent=False
            ) from error
        if isinstance(error, c2pa.C2paError.Signature):
            raise InputError(f"the certificate {identity.id} cannot sign for C2PA ({_one_line(error)})") from error
        raise UnsupportedMediaError(f"{source}: cannot be signed ({_one_line(error)}); is the file whole?") from error
    if not place.embedded:
        with sidecar.open("xb") as file:
            file.write(manifest)
    return manifest


def needs_sidecar(path: Path) -> bool:
    """Whether a file is of a kind whose manifest lies beside it.

    Raises:
        OSError: it cannot be read.
    """
    return not _place(path).embedded


def _place(path: Path) -> Place:
    return place_of_manifest(head_of(path))


def _sign(
    source: Path,
    original: Path,
    target: Path,
    place: Place,
    claim: Claim,
    identity: Identity,
    sign: Any,
    tsa: str | None,
) -> bytes:
    core: dict[str, int] = {"backing_store_memory_threshold_in_mb": _IN_MEMORY_MB}
    heads = _heads(source, place)
    if heads is not None:
        core["merkle_tree_chunk_size_in_kb"] = _PIECE_KIB
    settings = {**_SETTINGS, "core": core}
    made_from = parent_of(claim.parent, claim.source_name, _SETTINGS) if claim.parent is not None else None
    algorithm = c2pa.C2paSigningAlg[identity.algorithm.upper()]
    with (
        c2pa.Context(c2pa.Settings.from_dict(settings)) as context,
        c2pa.Builder(_definition(claim, place, made_from), context=context) as builder,
        c2pa.Signer.from_callback(sign, algorithm, identity.chain_pem, tsa) as signer,
        source.open("rb") as reading,
        original.open("rb") as opened,
        target.open("x+b") as writing,
    ):
        builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
        if not place.embedded:
            builder.set_no_embed()
        if made_from is None:
            builder.add_ingredient({"title": claim.source_name, "relationship": "parentOf"}, place.mime, opened)
        elif made_from.manifest is not None:
            builder.add_resource(RESOURCE, io.BytesIO(made_from.manifest))
        return bytes(builder.sign(signer, place.mime, WithHeads(reading, heads) if heads else reading, writing))


def _heads(source: Path, place: Place) -> Mapping[int, bytes] | None:
    """How to read a film that is hashed in pieces; None for what is hashed whole."""
    if not place.is_film or source.stat().st_size <= _WHOLE_BYTES:
        return None
    with source.open("rb") as file:
        return heads_for_pieces(file)


def _definition(claim: Claim, place: Place, made_from: Parent | None) -> dict[str, Any]:
    software = {"name": "Haechi", "version": version("haechi")}
    actions: list[dict[str, Any]] = [
        {"action": "c2pa.published", "when": claim.published_at, "softwareAgent": software}
    ]
    if any(one.alg not in LISTED for one in claim.bindings):
        # "unbound": no soft binding of C2PA's list is in the mark
        actions.insert(0, {"action": "c2pa.watermarked.unbound", "softwareAgent": software})
    year = claim.published_at[:4]
    about: dict[str, Any] = {
        "@context": {"dc": "http://purl.org/dc/elements/1.1/"},
        "dc:title": claim.title,
        "dc:creator": [name for name in (claim.artist, claim.organisation) if name],
        "dc:publisher": claim.organisation,
        "dc:rights": f"© {year} {claim.organisation}",
    }
    use = {name: {"use": "notAllowed"} for name in _NOT_ALLOWED}
    return {
        "claim_generator_info": [software],
        "title": claim.title,
        "format": place.mime,
        "ingredients": [made_from.definition] if made_from is not None else [],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": "cawg.metadata", "data": about, "kind": "Json"},
            {"label": "cawg.training-mining", "data": {"entries": use}},
            *(_binding(one) for one in claim.bindings),
        ],
    }


def _binding(one: SoftBinding) -> dict[str, Any]:
    """A list of numbers becomes a byte string, as the specification has it; a text would stay one."""
    if one.alg in LISTED:
        blocks = [{"scope": {}, "value": list(one.value)}]
        return {"label": "c2pa.soft-binding", "data": {"alg": one.alg, "blocks": blocks}}
    return {"label": MARK_LABEL, "data": {"alg": one.alg, "value": list(one.value)}}


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
