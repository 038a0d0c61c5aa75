"""`haechi vault`: the seal that two of three people open."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from haechi.cli.options import Json
from haechi.cli.records import Because
from haechi.cli.session import Session
from haechi.core.errors import InputError
from haechi.core.language import mark

app = typer.Typer(
    name="vault",
    no_args_is_help=True,
    rich_markup_mode=None,
    help=mark("Seal what only two of three people may open."),
)


@app.command(
    "holders",
    help=mark("Name three key holders. Each share must leave this machine: hand them over and delete them here."),
    epilog=mark("Example: haechi vault holders kim lee park -o shares"),
)
def _holders(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="NAME", help=mark("Three names."))],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help=mark("Folder for the shares."), show_default=False)
    ],
    json: Json = False,
) -> None:
    from haechi.preserve.seal import name_holders, seal_what_must_be

    session: Session = context.obj
    evidence, person = session.evidence()
    seal, paths = name_holders(evidence, person, names, output)
    sealed = seal_what_must_be(evidence, person)
    if json:
        holders = dict(zip(seal.holders, map(str, paths), strict=True))
        record = {"recipient": seal.recipient, "shares": holders, "sealed": sealed}
        session.emit({"schema": "haechi.holders/1", **record})
        return
    for name, path in zip(seal.holders, paths, strict=True):
        session.result(session.say(mark("share of {name}: {path}"), name=name, path=str(path)))
    session.note(session.say(mark("hand the shares over and delete them here: with two of them anyone opens the seal")))


@app.command(
    "seal",
    help=mark("Seal whatever should be sealed and is not yet."),
    epilog=mark("Example: haechi vault seal"),
)
def _seal(context: typer.Context, json: Json = False) -> None:
    from haechi.preserve.seal import seal_what_must_be

    session: Session = context.obj
    evidence, person = session.evidence()
    person.need("case.lane")
    sealed = seal_what_must_be(evidence, person)
    for exhibit_id in sealed:
        if json:
            session.emit({"schema": "haechi.sealed/1", "id": exhibit_id})
        else:
            session.result(session.say(mark("sealed: {id}"), id=exhibit_id))
    if not sealed:
        session.note(session.say(mark("nothing waits to be sealed")))


@app.command(
    "unseal",
    help=mark("Open a sealed exhibit with the shares of two holders, the legal role and a second person."),
    epilog=mark(
        'Example: haechi vault unseal E-3f9c2a71d0 --share a.json --share b.json -o out --because "court order"'
    ),
)
def _unseal(
    context: typer.Context,
    exhibit_id: Annotated[str, typer.Argument(metavar="EXHIBIT", help=mark("Id of the exhibit."))],
    share: Annotated[
        list[Path], typer.Option("--share", metavar="FILE", help=mark("Share of a holder; two."), show_default=False)
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help=mark("Folder for the content."), show_default=False)
    ],
    because: Because,
    json: Json = False,
) -> None:
    from haechi.preserve.seal import open_seal

    session: Session = context.obj
    evidence, person = session.evidence()
    for path in open_seal(evidence, person, exhibit_id, [_read(one) for one in share], output, because):
        if json:
            session.emit({"schema": "haechi.opened/1", "exhibit": exhibit_id, "path": str(path)})
        else:
            session.result(session.say(mark("written: {path}"), path=str(path)))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
