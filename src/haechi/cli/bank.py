"""`haechi bank`: confirmed fakes, which are recognised without another look."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from haechi.cli.options import Json, file_argument
from haechi.cli.registry import Noun, acting_store, add_list, add_remove, register_files
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
    from haechi.register.bank import add_to_bank
    from haechi.workflows.files import list_files

    session: Session = context.obj
    if not because.strip():
        raise InputError(session.say(mark("--because must say who confirmed the fake, and on what ground")))
    store, limits = acting_store(session), session.settings.limits

    def register(path: Path, progress: Callable[[float], None]) -> tuple[BankItem, bool]:
        return add_to_bank(path, store, limits, because=because, progress=progress)

    new, known = mark("added"), mark("was in the bank already")
    register_files(session, _ITEM, list_files(paths), register, json, new=new, known=known)


def _parts(_session: Session, item: BankItem) -> list[str]:
    from haechi.check.report_page.text import visible

    return [visible(item.source_name), item.kind.value, visible(item.because)]


_ITEM: Noun[BankItem] = Noun(
    schema="haechi.bank_item/1",
    listed=lambda store: store.bank_items(),
    find=lambda store, name: store.bank_item(name),
    remove=lambda store, identity, why: store.remove_bank_item(identity, why),
    parts=_parts,
    label=lambda item: item.id,
    none_yet=mark("the bank is empty"),
    unknown=mark("no bank item has the id {id}"),
)
add_list(app, _ITEM, help=mark("List the confirmed fakes."), example=mark("Example: haechi bank list --json"))
add_remove(
    app,
    _ITEM,
    help=mark("Remove entries that were confirmed by mistake."),
    example=mark("Example: haechi bank remove B-3f9c2a71d0"),
)
