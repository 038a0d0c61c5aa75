"""Reading of C2PA manifests (Content Credentials): who signed a file, what they say was done, whether it holds.

Method: c2pa-python reads in a limited child process (`child`), offline: a manifest that lies elsewhere is
reported and not fetched. States:

- `trusted`: intact, and the signer descends from a certificate that the caller trusts;
- `valid`: intact since it was signed, by an issuer nobody vouched for. Integrity only: anyone can make one;
- `expired`: intact, but the signer's certificate has ended since and no time stamp shows that it was signed before;
- `invalid`: the file or the manifest was changed after signing;
- `damaged`: something is there that cannot be read, or the reading failed: never the same as "no credentials".
  A file that only points to credentials on a server is this, too, with `remote_url` and the problem
  "manifest.inaccessible".

The state speaks of the newest manifest alone; failures of its ingredients (the files it was made from) do not
lower it, so they are listed in `problems`, and whoever shows a reading shows them too.
Limits: Matroska, WebM, Ogg and raw AAC carry no manifests inside. A manifest store that lies beside a file (a
sidecar) is read when the caller names it.
Source: C2PA Technical Specification 2.2, section 15 (validation); FACTS of the project, "C2PA with c2pa-python".
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from haechi.core.media.sandbox import open_regular
from haechi.core.settings import Limits

MAX_ANSWER_BYTES = 32 << 20
MAX_TEXT = 500
# an address must not be cut to one that leads elsewhere: whoever fetches refuses what is longer than 4,096 characters
MAX_URL = 4097
MAX_ITEMS = 200
BASE_WAIT_S = 30.0
SLOWEST_BYTES_PER_S = 20e6
STATES = {"Trusted": "trusted", "Valid": "valid", "Invalid": "invalid"}
# the file has no manifest, or is of a kind that cannot hold one
ABSENT = frozenset({"ManifestNotFound", "NotSupported"})
# says only that the issuer is unknown: that is the difference between `valid` and `trusted`
UNKNOWN_ISSUER = frozenset({"signingCredential.untrusted"})
# the certificate's end alone: everything else was validated and held
EXPIRED = frozenset({"signingCredential.expired"})
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]);"
    "from haechi.core.provenance.child import main; main(*map(int, sys.argv[2:5]), sys.stdin.read())"
)
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "SYSTEMROOT")


@dataclass(frozen=True, slots=True)
class Problem:
    """One failure that the validation named.

    Attributes:
        code: of the C2PA specification, e.g. "assertion.dataHash.mismatch", or of ours: "unreadable", "reader_failed".
        explanation: one line, as the library words it.
        ingredient: title or identifier of the ingredient it concerns; None for the file itself.
    """

    code: str
    explanation: str
    ingredient: str | None = None


@dataclass(frozen=True, slots=True)
class ManifestReading:
    """What the newest manifest of a file says; every text comes from the file and may be false unless `trusted`.

    Attributes:
        state: "trusted", "valid", "expired", "invalid" or "damaged".
        issuer: organisation named in the signer's certificate.
        serial: number of that certificate, decimal; with a trusted issuer it names the certificate.
        title: what the manifest calls the file.
        claim_generator: software that made the claim.
        signed_at: ISO 8601 time from the time stamp, or None when there is none.
        actions: what the manifest says was done, e.g. "c2pa.created", "c2pa.edited", in order.
        source_types: digital source types of those actions, last part of the IRI, e.g. "trainedAlgorithmicMedia".
        ingredients: titles of the files it was made from.
        parent: label of the manifest of the file that was opened to make it, as far as that carried one.
        problems: failures of the manifest and of its ingredients.
        manifest: label of the newest manifest.
        format: media type of its file; claims of version 2 leave that out: of the file that was opened to make it.
        remote_url: where the credentials lie when they are not in the file; nothing was fetched from there.
    """

    state: str
    issuer: str | None = None
    serial: str | None = None
    title: str | None = None
    claim_generator: str | None = None
    signed_at: str | None = None
    actions: tuple[str, ...] = ()
    source_types: tuple[str, ...] = ()
    ingredients: tuple[str, ...] = ()
    parent: str | None = None
    problems: tuple[Problem, ...] = ()
    manifest: str | None = None
    format: str | None = None
    remote_url: str | None = None

    def as_data(self) -> dict[str, Any]:
        """All of it in JSON types, for the data of a finding."""
        data: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        data["problems"] = [{name: getattr(problem, name) for name in Problem.__slots__} for problem in self.problems]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in data.items()}


def sidecar_of(path: Path) -> Path:
    """Where the manifest store of a file goes that cannot hold one: beside it, under its whole name and `.c2pa`.

    c2patool puts `.c2pa` in the suffix' place; then `clip.mkv` and `clip.webm` would want the same one.
    """
    return path.with_name(f"{path.name}.c2pa")


def sidecar_beside(path: Path) -> Path | None:
    """The manifest store that lies beside a file, under its whole name or as c2patool names it; None without one."""
    return next((one for one in (sidecar_of(path), path.with_suffix(".c2pa")) if one.is_file()), None)


def read_manifest(
    path: Path, limits: Limits | None = None, *, trust_anchors_pem: str = "", sidecar: Path | None = None
) -> ManifestReading | None:
    """Read the C2PA manifest that a file carries, offline.

    Args:
        path: the file; its type is told from its bytes.
        limits: what reading may cost; the defaults when None.
        trust_anchors_pem: certificates whose descendants count as `trusted`, PEM.
        sidecar: the manifest store to hold the file against, instead of what is in it.

    Returns:
        The reading, or None when the file carries no credentials.

    Raises:
        InputError: the file cannot be opened.
        UnreadableMediaError: the file is empty or larger than the limit.
    """
    limits = limits if limits is not None else Limits()
    descriptors: list[int] = []
    try:
        descriptors += (open_regular(one, limits) for one in (path, sidecar) if one is not None)
        wait_s = BASE_WAIT_S + os.fstat(descriptors[0]).st_size / SLOWEST_BYTES_PER_S
        answer = _ask(descriptors, limits.max_memory_bytes, trust_anchors_pem, wait_s)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    if isinstance(answer, Problem):
        return ManifestReading("damaged", problems=(answer,))
    if "error" in answer:
        return _without_manifest(str(answer["error"]), str(answer.get("message", "")))
    return _reading(answer)


def _ask(descriptors: list[int], memory_bytes: int, anchors_pem: str, wait_s: float) -> dict[str, Any] | Problem:
    """What the child answers about the file and its sidecar, if any, or the problem that it died of."""
    numbers = [str(number) for number in (*descriptors, -1)[:2]]
    command = [sys.executable, "-c", _START, json.dumps(sys.path), *numbers, str(memory_bytes)]
    environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    try:
        done = subprocess.run(  # noqa: S603  (our own interpreter and code; the file is only a descriptor)
            command,
            input=anchors_pem.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=descriptors,
            env=environment,
            timeout=wait_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Problem("reader_failed", f"reading the credentials took longer than {wait_s:.0f} s")
    if len(done.stdout) > MAX_ANSWER_BYTES:
        return Problem("unreadable", "the credentials are larger than any honest ones")
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        return Problem("reader_failed", f"the reader of credentials broke down on this file (code {done.returncode})")
    if not isinstance(answer, dict):
        return Problem("reader_failed", "the reader of credentials gave no answer")
    return answer


def _without_manifest(kind: str, message: str) -> ManifestReading | None:
    if kind in ABSENT or message.startswith(tuple(ABSENT)):
        return None
    if kind == "RemoteManifest" or message.startswith("Remote"):
        url = next((word for word in message.split() if word.startswith(("http://", "https://"))), None)
        problem = Problem("manifest.inaccessible", "the credentials lie on a server and were not fetched")
        return ManifestReading("damaged", problems=(problem,), remote_url=_text(url, MAX_URL))
    return ManifestReading("damaged", problems=(Problem("unreadable", _text(message) or kind),))


def _reading(answer: Mapping[str, Any]) -> ManifestReading:
    store = _map(answer.get("store"))
    label = _text(store.get("active_manifest"))
    manifest = _map(_map(store.get("manifests")).get(label or ""))
    signature = _map(manifest.get("signature_info"))
    actions = list(_actions(manifest))
    types = dict.fromkeys(t for t in (_source_type(action) for action in actions) if t)
    titles = [_text(i.get("title")) or _text(i.get("instance_id")) for i in _maps(manifest.get("ingredients"))]
    problems = tuple(_problems(store))
    state = STATES.get(str(answer.get("state")), "damaged")
    if state == "invalid" and {one.code for one in problems if one.ingredient is None} == EXPIRED:
        state = "expired"
    return ManifestReading(
        state=state,
        issuer=_text(signature.get("issuer")) or _text(signature.get("common_name")),
        serial=_text(signature.get("cert_serial_number")),
        title=_text(manifest.get("title")),
        claim_generator=_generator(manifest),
        signed_at=_text(signature.get("time")),
        actions=tuple(name for name in (_text(action.get("action")) for action in actions) if name),
        source_types=tuple(types),
        ingredients=tuple(title for title in titles if title),
        parent=said_of_opened(manifest, "active_manifest"),
        problems=problems,
        manifest=label,
        format=_text(manifest.get("format")) or said_of_opened(manifest, "format"),
    )


def _generator(manifest: Mapping[str, Any]) -> str | None:
    for info in _maps(manifest.get("claim_generator_info")):
        words = [word for word in (_text(info.get("name")), _text(info.get("version"))) if word]
        if words:
            return " ".join(words)
    return _text(manifest.get("claim_generator"))


def _actions(manifest: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for assertion in _maps(manifest.get("assertions")):
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            yield from _maps(_map(assertion.get("data")).get("actions"))


def said_of_opened(manifest: Mapping[str, Any], name: str) -> str | None:
    """What a manifest, in the library's JSON, says under that name of the file that was opened to make its own."""
    opened = (one for one in _maps(manifest.get("ingredients")) if one.get("relationship") == "parentOf")
    return next((_text(one.get(name)) for one in opened), None)


def _source_type(action: Mapping[str, Any]) -> str | None:
    iri = _text(action.get("digitalSourceType"))
    return iri.rstrip("/").rsplit("/", 1)[-1] if iri else None


def _problems(store: Mapping[str, Any]) -> Iterator[Problem]:
    """Failures of the newest manifest, then those of every ingredient, each once."""
    results = _map(store.get("validation_results"))
    seen: set[tuple[str, str | None]] = set()
    titles = _ingredient_titles(store)
    sources: list[tuple[str | None, Mapping[str, Any]]] = [(None, _map(results.get("activeManifest")))]
    for delta in _maps(results.get("ingredientDeltas")):
        uri = _text(delta.get("ingredientAssertionURI")) or "an ingredient"
        sources.append((titles.get(uri.rsplit("/", 1)[-1], uri), _map(delta.get("validationDeltas"))))
    failures = [(who, status) for who, statuses in sources for status in _maps(statuses.get("failure"))]
    for ingredient, status in [*failures, *_recorded(store)]:
        code = _text(status.get("code")) or "unnamed"
        if code in UNKNOWN_ISSUER or (code, ingredient) in seen:
            continue
        seen.add((code, ingredient))
        yield Problem(code, _text(status.get("explanation")) or code, ingredient)


def _recorded(store: Mapping[str, Any]) -> Iterator[tuple[str | None, Mapping[str, Any]]]:
    """Failures that signers saw in an ingredient when they used it, (title, status): known then, no delta now."""
    for manifest in _map(store.get("manifests")).values():
        for ingredient in _maps(_map(manifest).get("ingredients")):
            title = _text(ingredient.get("title")) or _text(ingredient.get("instance_id")) or "an ingredient"
            newer = _map(_map(ingredient.get("validation_results")).get("activeManifest"))
            for status in [*_maps(ingredient.get("validation_status")), *_maps(newer.get("failure"))]:
                yield title, status


def _ingredient_titles(store: Mapping[str, Any]) -> dict[str, str]:
    """Title of each ingredient by the label of its assertion; the newest manifest wins."""
    titles: dict[str, str] = {}
    manifests = _map(store.get("manifests"))
    newest = store.get("active_manifest")
    for label in sorted(manifests, key=lambda name: name == newest):
        for ingredient in _maps(_map(manifests[label]).get("ingredients")):
            name, title = _text(ingredient.get("label")), _text(ingredient.get("title"))
            if name and title:
                titles[name] = title
    return titles


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _maps(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value[:MAX_ITEMS] if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: Any, longest: int = MAX_TEXT) -> str | None:
    """A text of the file made fit to show: printable, one line, bounded; None when it is no text or empty."""
    if not isinstance(value, str):
        return None
    clean = "".join(char if char.isprintable() else " " for char in value[:longest]).strip()
    return clean or None
