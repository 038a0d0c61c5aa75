"""`haechi bank`: confirmed fakes, which are recognised without another look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from haechi.cli.options import Json, file_argument
from haechi.cli.session import Session
from haechi.core.errors import InputError
from haechi.core.language import mark

if TYPE_CHECKING:
    from haechi.core.records import BankItem

app = typer.Typer(
    name="bank",
    no_args_is_help=True,
    rich_markup_mode=None,
    help=mark("Keep the fakes that a person confirmed."),
)


@app.command(
    "add",
    help=mark("Add confirmed fakes. Only fingerprints are kept, no picture."),
    epilog=mark('Example: haechi bank add fake.mp4 --because "confirmed by J. Kim, case 2026-31"'),
)
def _add(
    context: typer.Context,
    paths: Annotated[list[Path], file_argument("FILE", mark("Confirmed fakes."))],
    because: Annotated[
        str,
        typer.Option(metavar="TEXT", help=mark("Who confirmed it, and on what ground."), show_default=False),
    ],
    json: Json = False,
) -> None:
    from haechi.cli.each import register_each
    from haechi.register.bank import add_to_bank
    from haechi.workflows.files import list_files

    session: Session = context.obj
    if not because.strip():
        raise InputError(session.say(mark("--because must say who confirmed the fake, and on what ground")))
    store, limits = session.store(), session.settings.limits
    standing = {item.id for item in store.bank_items()}

    def register(path: Path, progress: Callable[[float], None]) -> BankItem:
        return add_to_bank(path, store, limits, because=because, progress=progress)

    def show(item: BankItem) -> None:
        _show(session, item, json, added=item.id not in standing)
        standing.add(item.id)

    register_each(session, list_files(paths), register, show)


@app.command("list", help=mark("List the confirmed fakes."), epilog=mark("Example: haechi bank list --json"))
def _list(context: typer.Context, json: Json = False) -> None:
    session: Session = context.obj
    items = session.store().bank_items()
    for item in items:
        _show(session, item, json)
    if not items:
        session.note(session.say(mark("the bank is empty")))


@app.command(
    "remove",
    help=mark("Remove entries that were confirmed by mistake."),
    epilog=mark("Example: haechi bank remove B-3f9c2a71d0"),
)
def _remove(
    context: typer.Context,
    ids: Annotated[list[str], typer.Argument(metavar="ID", help=mark("As the list shows it."))],
    json: Json = False,
) -> None:
    session: Session = context.obj
    store = session.store()
    for identity in ids:
        if not store.remove_bank_item(identity):
            raise InputError(session.say(mark("no bank item has the id {id}"), id=identity))
        if json:
            session.emit({"schema": "haechi.removed/1", "id": identity})
        else:
            session.result(session.say(mark("removed {id}"), id=identity))


def _show(session: Session, item: BankItem, json: bool, *, added: bool | None = None) -> None:
    """One line about a bank item; `added` tells whether it is new, None when it was only listed."""
    from haechi.check.report_page.text import visible

    if json:
        told = {} if added is None else {"added": added}
        session.emit({"schema": "haechi.bank_item/1", **asdict(item), **told})
        return
    parts = [visible(item.source_name), item.kind.value, visible(item.because)]
    if added is not None:
        parts.append(session.say(mark("added") if added else mark("was in the bank already")))
    session.result(f"{item.id}  {' · '.join(parts)}")
