"""`haechi keys`: certificates and keys that releases are signed with. No key is ever shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from haechi.cli.options import Json, file_argument
from haechi.cli.records import Because
from haechi.cli.session import Session
from haechi.core.errors import InputError
from haechi.core.language import mark

if TYPE_CHECKING:
    from haechi.core.provenance.keys import Identity

app = typer.Typer(
    name="keys",
    no_args_is_help=True,
    rich_markup_mode=None,
    help=mark("Keep the certificates and keys that releases are signed with."),
)
_Name = Annotated[
    str, typer.Option("--name", metavar="NAME", help=mark("Name of your organisation."), show_default=False)
]


@app.command(
    "new",
    help=mark("Make a signing certificate below a root of your own, for trials. It holds for a year."),
    epilog=mark('Example: haechi keys new --name "Example Entertainment"'),
)
def _new(context: typer.Context, name: _Name, because: Because = "", json: Json = False) -> None:
    from haechi.core.provenance.keys import new_identity

    session: Session = context.obj
    actor = _administrator(session, "keys.new", name, because, {})
    _show(session, new_identity(session.settings.home, name, actor), json)


@app.command(
    "add",
    help=mark("Take in the certificate of another issuer. Its key stays where it is and is named by URI."),
    epilog=mark('Example: haechi keys add chain.pem --name "Example" --key "exec:/opt/hsm/sign --slot 3"'),
)
def _add(
    context: typer.Context,
    chain: Annotated[Path, file_argument("CHAIN", mark("Certificates in PEM, the signer's first."))],
    name: _Name,
    key: Annotated[
        str,
        typer.Option(
            metavar="URI", help=mark("file:PATH, pkcs11:URI or exec:COMMAND, see the manual."), show_default=False
        ),
    ],
    because: Because = "",
    json: Json = False,
) -> None:
    from haechi.core.ledger.entries import digest_of
    from haechi.core.provenance.keys import add_identity

    session: Session = context.obj
    told = {"chain": _digest(chain), "key": digest_of(key.encode())}  # the URI itself may hold a PIN
    actor = _administrator(session, "keys.add", name, because, told)
    _show(session, add_identity(session.settings.home, name, chain, key, actor), json)


@app.command("list", help=mark("List the keys, oldest first."), epilog=mark("Example: haechi keys list --json"))
def _list(context: typer.Context, json: Json = False) -> None:
    from haechi.core.provenance.keys import identities

    session: Session = context.obj
    known = identities(session.settings.home)
    for one in known:
        _show(session, one, json)
    if not known:
        session.note(session.say(mark("no key is here yet: haechi keys new --name NAME")))


@app.command(
    "show",
    help=mark("Show one key with its certificates, which others need to trust it."),
    epilog=mark('Example: haechi keys show "Example Entertainment"'),
)
def _one(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help=mark("Name or id of the key."))],
    json: Json = False,
) -> None:
    from haechi.core.provenance.keys import identity

    session: Session = context.obj
    one = identity(session.settings.home, name)
    if json:
        _show(session, one, json, certificates=True)
        return
    _show(session, one, json)
    session.result((one.root_pem or one.chain_pem).strip())


@app.command(
    "tsa",
    help=mark("Believe the time stamps of an authority, so that signatures outlive their certificate."),
    epilog=mark("Example: haechi keys tsa tsa-root.pem"),
)
def _tsa(
    context: typer.Context,
    roots: Annotated[Path, file_argument("PEM", mark("Root certificates of the authority."))],
    because: Because = "",
    json: Json = False,
) -> None:
    from haechi.core.provenance.keys import trust_stamps

    session: Session = context.obj
    actor = _administrator(session, "keys.tsa", "time stamps", because, {"certificates": _digest(roots)})
    count = trust_stamps(session.settings.home, roots, actor)
    if json:
        session.emit({"schema": "haechi.tsa/1", "certificates": count})
    else:
        session.result(session.say(mark("certificates taken in: {count}"), count=count))


@app.command(
    "trust",
    help=mark(
        "Trust the issuers of others, e.g. those on C2PA's official trust list. Their signatures never count as yours."
    ),
    epilog=mark("Example: haechi keys trust C2PA-TRUST-LIST.pem"),
)
def _trust(
    context: typer.Context,
    issuers: Annotated[Path, file_argument("PEM", mark("Certificates of the issuers."))],
    because: Because = "",
    json: Json = False,
) -> None:
    from haechi.core.provenance.keys import trust_issuers

    session: Session = context.obj
    actor = _administrator(session, "keys.trust", "issuers", because, {"certificates": _digest(issuers)})
    count = trust_issuers(session.settings.home, issuers, actor)
    if json:
        session.emit({"schema": "haechi.trust/1", "certificates": count})
    else:
        session.result(session.say(mark("certificates taken in: {count}"), count=count))


def _administrator(session: Session, act: str, subject: str, because: str, told: Mapping[str, str]) -> str:
    """Whoever acts on keys: once there are accounts, an administrator with the consent of a second person.

    Raises:
        PolicyError: another role, or nobody has consented yet.
        InputError: no reason.
    """
    from haechi.core.approvals import need_second

    evidence, person = session.evidence()
    person.need("keys.manage")
    if not person.alone:
        consent = need_second(evidence, person, act, subject, because, "dual control", told)
        evidence.change(lambda change: consent.use(change, because))
    return evidence.actor


def _digest(path: Path) -> str:
    from haechi.core.ledger.entries import digest_of

    try:
        return digest_of(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def _show(session: Session, one: Identity, json: bool, *, certificates: bool = False) -> None:
    from haechi.check.report_page.text import visible

    if json:
        record = {
            "schema": "haechi.key/1",
            "id": one.id,
            "name": one.name,
            "algorithm": one.algorithm,
            "key": one.key,
            "created_at": one.created_at,
            "not_after": one.not_after.isoformat(timespec="seconds"),
            "days_left": one.days_left,
            "certificate_sha256": one.fingerprint,
            "own_root": one.root_pem is not None,
        }
        session.emit(record | ({"chain": one.chain_pem, "root": one.root_pem} if certificates else {}))
        return
    ends = session.say(mark("until {day}, {days} days left"), day=f"{one.not_after:%Y-%m-%d}", days=one.days_left)
    if one.days_left < 0:
        ends = session.say(mark("ended on {day}"), day=f"{one.not_after:%Y-%m-%d}")
    session.result(" · ".join((f"{one.id}  {visible(one.name)}", one.algorithm, ends)))
