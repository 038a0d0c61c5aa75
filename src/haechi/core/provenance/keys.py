"""Keys that a company signs its releases with, and the certificates that `check` takes for its own.

    HOME/keys/                          0700
      K-3f9c2a71d0/
        identity.json                   name, key URI, when made
        chain.pem                       certificates, signer first, issuer last
        signer.key, root.pem, root.key  only of identities that `new` made
      tsa/                              roots of time stamp authorities that we believe
      trust/                            issuers of others whom we trust, e.g. C2PA's official trust list
      watermark.key                     see `core.watermark.mark_key`

Invariants: a folder appears whole or not at all; every file is 0600 from the moment it exists. **Ours** is a signing
certificate that stands here, named by its issuer and number: never everything that a public issuer has signed, or else
a stranger with a certificate of the same issuer would pass for us. What comes to stand here is in the ledger first: a
kill between the two leaves the entry alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from haechi.core.durable import sync, write_whole
from haechi.core.errors import InputError, IntegrityError, StoreError
from haechi.core.provenance.certificates import Root, load_chain, make_root, make_signer, read_anchors
from haechi.core.provenance.signers import Sign, algorithm_of, open_signer
from haechi.core.store.failures import store_failures
from haechi.core.store.rows import new_id, normal_name

WARN_DAYS: Final = 30
"""So many days before its end a certificate is spoken of."""
_FOLDER: Final = "keys"
_STAMPS, _TRUSTED = "tsa", "trust"
_ID: Final = re.compile(r"K-[0-9a-f]{10}")


@dataclass(frozen=True, slots=True)
class Identity:
    """One signing certificate and where its key is; nothing here is secret.

    Attributes:
        id: e.g. "K-3f9c2a71d0".
        name: of the organisation.
        algorithm: C2PA's name, e.g. "es256".
        key: URI of the key.
        created_at: ISO 8601, UTC.
        not_after: end of the signing certificate, aware, UTC.
        fingerprint: SHA-256 of the signing certificate, "sha256:...".
        chain_pem: certificates, signer first.
        root_pem: our own root, or None for a certificate of another issuer.
    """

    id: str
    name: str
    algorithm: str
    key: str
    created_at: str
    not_after: datetime
    fingerprint: str
    chain_pem: str
    root_pem: str | None

    @property
    def serial(self) -> str:
        """Number of the signing certificate, decimal."""
        return str(load_chain(self.chain_pem.encode())[0].serial_number)

    @property
    def anchor_pem(self) -> str:
        """The certificate that whoever trusts this identity trusts: the last of the chain."""
        last = load_chain(self.chain_pem.encode())[-1]
        return last.public_bytes(serialization.Encoding.PEM).decode("ascii")

    @property
    def days_left(self) -> int:
        """Whole days until the certificate ends; negative afterwards."""
        return (self.not_after - datetime.now(UTC)).days

    def signer(self) -> Sign:
        """The function that signs.

        Raises:
            InputError: the key cannot be used, or the certificate is over.
        """
        if self.not_after <= datetime.now(UTC):
            raise InputError(f"the certificate {self.id} ended on {self.not_after:%Y-%m-%d}; make a new one")
        return open_signer(self.key, load_chain(self.chain_pem.encode())[0])


@dataclass(frozen=True, slots=True)
class Ours:
    """What counts as signed by us.

    Attributes:
        anchors_pem: the issuers of our certificates and roots of time stamps, PEM; empty when there are none.
        serials: numbers of our signing certificates, decimal.
        trusted_pem: issuers of others whom we trust, PEM. They make a signature `trusted`, never ours.
    """

    anchors_pem: str = ""
    serials: frozenset[str] = frozenset()
    trusted_pem: str = ""


def new_identity(home: Path, name: str, actor: str | None = None) -> Identity:
    """Make a signing certificate below a root of our own; a second one of a name goes below the same root.

    Args:
        home: folder of the store.
        name: of the organisation.
        actor: who acts, for the ledger; by default the account of the operating system.

    Raises:
        InputError: no name, or one that cannot stand in a certificate.
        StoreError: the folder cannot be written.
    """
    name = _named(name)
    root = next((r for r in (_root(home, i) for i in identities(home) if i.name == name) if r is not None), None)
    root = root if root is not None else make_root(name)
    certificate, key = make_signer(name, root)
    files = {
        "chain.pem": certificate + root.certificate,
        "signer.key": key,
        "root.pem": root.certificate,
        "root.key": root.key,
    }
    return _keep(home, name, "file:signer.key", files, "key.new", actor)


def add_identity(home: Path, name: str, chain: Path, key: str, actor: str | None = None) -> Identity:
    """Take in a certificate of another issuer whose key is named by URI; a trial signature shows that they belong.

    Args:
        home: folder of the store.
        name: of the organisation.
        chain: certificates, signer first.
        key: URI of the key.
        actor: as `new_identity`.

    Raises:
        InputError: unreadable chain, unusable key.
        IntegrityError: the key belongs to another certificate.
        StoreError: the folder cannot be written.
    """
    name = _named(name)
    try:
        pem = chain.read_bytes()
    except OSError as error:
        raise InputError(f"{chain} cannot be read: {os.strerror(error.errno or 0)}") from error
    scheme, _, rest = key.partition(":")
    if scheme == "file":
        key = f"file:{Path(rest).expanduser().absolute()}"
    certificates = load_chain(pem)
    if len(certificates) < 2:
        raise InputError(f"{chain} holds the signer's certificate alone; add those of its issuers, up to the root")
    open_signer(key, certificates[0])(b"haechi: a trial of the key\n")
    text = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)
    return _keep(home, name, key, {"chain.pem": text}, "key.add", actor)


def identities(home: Path) -> list[Identity]:
    """Every identity, oldest first.

    Raises:
        IntegrityError: one is damaged.
    """
    folder = home.expanduser() / _FOLDER
    try:
        names = sorted(path.name for path in folder.iterdir() if _ID.fullmatch(path.name))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"{folder} cannot be read: {os.strerror(error.errno or 0)}") from error
    return sorted((_load(folder / name) for name in names), key=lambda one: (one.created_at, one.id))


def identity(home: Path, name_or_id: str | None = None) -> Identity:
    """The identity of that id, or the newest of that name, or the newest of all.

    Raises:
        InputError: there is none.
    """
    known = identities(home)
    if not known:
        raise InputError('there is no key to sign with yet; make one: haechi keys new --name "Your Company"')
    if name_or_id is None:
        return known[-1]
    found = [one for one in known if name_or_id in (one.id, one.name)]
    if not found:
        raise InputError(f"no key has the name or id {name_or_id!r}; haechi keys list shows them")
    return found[-1]


def ours(home: Path) -> Ours:
    """What counts as signed by us; see the module."""
    known = identities(home)
    anchors = dict.fromkeys([one.anchor_pem for one in known] + stamp_roots(home))
    trusted = dict.fromkeys(_taken_in(home, _TRUSTED))
    return Ours("".join(anchors), frozenset(one.serial for one in known), "".join(trusted))


def trust_stamps(home: Path, roots: Path, actor: str | None = None) -> int:
    """Believe the time stamps of the authorities below these roots; gives the number of certificates.

    A time stamp lets a signature outlive its certificate. It never makes a signature ours.

    Raises:
        InputError: there is no certificate in the file.
        StoreError: the folder cannot be written.
    """
    return _take_in(home, _STAMPS, roots, actor)


def trust_issuers(home: Path, issuers: Path, actor: str | None = None) -> int:
    """Trust what descends from these issuers, e.g. C2PA's official trust list; gives the number of certificates.

    Raises:
        As `trust_stamps`.
    """
    return _take_in(home, _TRUSTED, issuers, actor)


def _take_in(home: Path, name: str, certificates: Path, actor: str | None) -> int:
    pem = read_anchors(certificates)
    folder = home.expanduser() / _FOLDER / name
    with store_failures(home):
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(exist_ok=True, mode=0o700)
        place = folder / f"{hashlib.sha256(pem.encode()).hexdigest()[:16]}.pem"
        if not place.exists():
            log_key(home, f"key.{name}", place.stem, actor, sha256=f"sha256:{hashlib.sha256(pem.encode()).hexdigest()}")
            write_whole(place, pem.encode())
    return pem.count("BEGIN CERTIFICATE")


def stamp_roots(home: Path) -> list[str]:
    """Roots of the authorities whose time stamps we believe, PEM each."""
    return _taken_in(home, _STAMPS)


def _taken_in(home: Path, name: str) -> list[str]:
    folder = home.expanduser() / _FOLDER / name
    return [read_anchors(path) for path in sorted(folder.glob("*.pem"))]


def _named(name: str) -> str:
    name = normal_name(name)
    if not name:
        raise InputError("the key needs the name of your organisation: --name")
    return name


def _root(home: Path, one: Identity) -> Root | None:
    folder = home.expanduser() / _FOLDER / one.id
    key = folder / "root.key"
    if one.root_pem is None or not key.is_file():
        return None
    return Root(one.root_pem.encode(), key.read_bytes())


def _keep(home: Path, name: str, key: str, files: dict[str, bytes], act: str, actor: str | None) -> Identity:
    """Write a folder beside its place, log it, then give it its name."""
    folder = home.expanduser() / _FOLDER
    about = {"schema": "haechi.key/1", "name": name, "key": key, "created_at": datetime.now(UTC).isoformat()}
    files = {**files, "identity.json": json.dumps(about, ensure_ascii=False, indent=1).encode()}
    with store_failures(home):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        staged = Path(tempfile.mkdtemp(dir=folder, prefix=".new-"))
        try:
            for file, data in files.items():
                write_whole(staged / file, data)
            place = folder / new_id("K")
            leaf = load_chain(files["chain.pem"])[0]
            log_key(home, act, place.name, actor, certificate=f"sha256:{_digest(leaf)}")
            staged.rename(place)
            sync(folder)
        except BaseException:
            shutil.rmtree(staged, ignore_errors=True)
            raise
    return _load(place)


def log_key(home: Path, act: str, subject: str, actor: str | None, **detail: str) -> None:
    """Write an act on a key into the ledger of the home; on the disk when this returns.

    Args:
        home: folder of the store; made when there is none.
        act: e.g. "key.new".
        subject: id of the key.
        actor: who acts; None for the account of the operating system.
        detail: digests that name what it is; nothing secret.

    Raises:
        StoreError: the store cannot take it.
    """
    from haechi.core.store import open_store

    store = open_store(home)
    store.evidence(actor or store.actor).change(lambda change: change.log(act, subject, **detail))


def _load(folder: Path) -> Identity:
    try:
        about: dict[str, Any] = json.loads((folder / "identity.json").read_text(encoding="utf-8"))
        chain = (folder / "chain.pem").read_bytes()
        root = folder / "root.pem"
        root_pem = root.read_text(encoding="ascii") if root.is_file() else None
        leaf = load_chain(chain)[0]
        key = str(about["key"])
        if key == "file:signer.key":
            key = f"file:{folder / 'signer.key'}"
        return Identity(
            id=folder.name,
            name=str(about["name"]),
            algorithm=algorithm_of(leaf),
            key=key,
            created_at=str(about["created_at"]),
            not_after=leaf.not_valid_after_utc,
            fingerprint=f"sha256:{_digest(leaf)}",
            chain_pem=chain.decode("ascii"),
            root_pem=root_pem,
        )
    except (OSError, ValueError, KeyError, TypeError, InputError) as error:
        raise IntegrityError(f"the key {folder} is damaged; restore it from a copy, or move the folder away") from error


def _digest(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()
