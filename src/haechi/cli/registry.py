"""What artists, releases and bank items have in common on the command line: added, listed, shown, removed.

Each of the three names itself as a `Noun`; its own module keeps what it alone can do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Protocol, TypeVar

import typer

from haechi.cli.options import Json
from haechi.cli.session import Session
from haechi.core.errors import InputError
from haechi.core.language import mark

if TYPE_CHECKING:
    from haechi.core.store import Store
    from haechi.workflows.files import Listing


class Registered(Protocol):
    """A record of the registry: a dataclass with an id."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def id(self) -> str: ...  # noqa: D102


Item = TypeVar("Item", bound=Registered)
Reason = Annotated[
    str, typer.Option("--because", metavar="TEXT", help=mark("The reason; it is logged."), show_default=False)
]


@dataclass(frozen=True, slots=True)
class Noun(Generic[Item]):
    """One kind of thing that is registered; sentences are marked for translation.

    Attributes:
        schema: of its JSON object.
        listed: all that are there.
        find: the one that the user names, or None.
        remove: takes one away, with the reason.
        parts: what its line says after the id.
        label: what is said to be removed.
        none_yet: said when there is none.
        unknown: said of a name that nothing has; `{id}` or `{name}` stands for it.
    """

    schema: str
    listed: Callable[[Store], Sequence[Item]]
    find: Callable[[Store, str], Item | None]
    remove: Callable[[Store, str, str], bool]
    parts: Callable[[Session, Item], list[str]]
    label: Callable[[Item], str]
    none_yet: str
    unknown: str

    def show(
        self, session: Session, item: Item, json: bool, told: Mapping[str, Any] | None = None, words: str = ""
    ) -> None:
        """Write one line, or one object; `words` and `told` say what just happened to it."""
        if json:
            session.emit({"schema": self.schema, **asdict(item), **(told or {})})
            return
        parts = [*self.parts(session, item), *([words] if words else [])]
        session.result(f"{item.id}  {' · '.join(parts)}")

    def named(self, session: Session, store: Store, name: str) -> Item:
        """The one that the user names.

        Raises:
            InputError: there is none.
        """
        item = self.find(store, name)
        if item is None:
            raise InputError(session.say(self.unknown, id=name, name=name))
        return item

    def remove_named(self, session: Session, names: Sequence[str], why: str, json: bool) -> None:
        """Remove one after the other and say so; the first unknown name ends it."""
        store = acting_store(session)
        for name in names:
            item = self.named(session, store, name)
            self.remove(store, item.id, why)
            if json:
                session.emit({"schema": "haechi.removed/1", "id": item.id})
            else:
                session.result(session.say(mark("removed {id}"), id=self.label(item)))


def acting_store(session: Session) -> Store:
    """The store in the hands of whoever works here, for what changes artists, releases, the bank or keys.

    Raises:
        PolicyError: the home has accounts and this is none of them, or none that may.
    """
    evidence, person = session.evidence()
    person.need("registry.change")
    return session.store().acting(evidence.actor)


def add_list(app: typer.Typer, noun: Noun[Item], *, help: str, example: str) -> None:
    """Give a command group its `list`."""

    @app.command("list", help=help, epilog=example)
    def _list(context: typer.Context, json: Json = False) -> None:
        session: Session = context.obj
        items = noun.listed(session.store())
        for item in items:
            noun.show(session, item, json)
        if not items:
            session.note(session.say(noun.none_yet))


def add_remove(app: typer.Typer, noun: Noun[Item], *, help: str, example: str) -> None:
    """Give a command group its `remove` of ids."""

    @app.command("remove", help=help, epilog=example)
    def _remove(
        context: typer.Context,
        ids: Annotated[list[str], typer.Argument(metavar="ID", help=mark("As the list shows it."))],
        because: Reason = "",
        json: Json = False,
    ) -> None:
        noun.remove_named(context.obj, ids, because, json)


def register_files(
    session: Session,
    noun: Noun[Item],
    listing: Listing,
    register: Callable[[Path, Callable[[float], None]], tuple[Item, bool]],
    json: bool,
    *,
    new: str,
    known: str,
) -> None:
    """Register every file and say of each whether it is new; see `each.register_each`."""
    from haechi.cli.each import register_each

    def show(done: tuple[Item, bool]) -> None:
        item, added = done
        noun.show(session, item, json, {"added": added}, session.say(new if added else known))

    register_each(session, listing, register, show)
