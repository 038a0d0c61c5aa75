"""`haechi user`: who works with evidence here, and in which roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from haechi.cli.options import Json
from haechi.cli.session import Session
from haechi.core.errors import InputError
from haechi.core.language import mark

if TYPE_CHECKING:
    from haechi.core.evidence import Role, User

app = typer.Typer(
    name="user",
    no_args_is_help=True,
    rich_markup_mode=None,
    help=mark("Say who works with evidence here, and in which roles."),
)
_Name = Annotated[str, typer.Argument(metavar="NAME", help=mark("Name of the account."))]
_Roles = Annotated[
    list[str] | None,
    typer.Option(
        "--role",
        metavar="ROLE",
        help=mark("desk, reviewer, legal, approver, auditor or admin; may be given several times."),
        show_default=False,
    ),
]


@app.command(
    "add",
    help=mark("Add an account. The first one must be an administrator's."),
    epilog=mark("Example: haechi user add kim --role admin"),
)
def _add(context: typer.Context, name: _Name, role: _Roles = None, json: Json = False) -> None:
    import os

    from haechi.core.people import add_user

    session: Session = context.obj
    evidence, person = session.evidence()
    roles = _roles(session, role)
    file = os.environ.get("HAECHI_NEW_PASSWORD_FILE")
    password = session.password(name, file) if file else session.password(name)
    _show(session, add_user(evidence, person, name, roles, password), json)


@app.command(
    "role",
    help=mark("Give an account other roles, or bar it."),
    epilog=mark("Example: haechi user role kim --role legal --role approver"),
)
def _role(
    context: typer.Context,
    name: _Name,
    role: _Roles = None,
    bar: Annotated[bool, typer.Option("--bar", help=mark("The account can no longer sign in."))] = False,
    json: Json = False,
) -> None:
    from haechi.core.people import set_roles

    session: Session = context.obj
    if not role and not bar:
        raise InputError(session.say(mark("say which roles: --role ROLE, or --bar")))
    evidence, person = session.evidence()
    _show(session, set_roles(evidence, person, name, _roles(session, role), not bar), json)


@app.command("list", help=mark("List the accounts."), epilog=mark("Example: haechi user list --json"))
def _list(context: typer.Context, json: Json = False) -> None:
    from haechi.core.evidence import User

    session: Session = context.obj
    evidence, _ = session.evidence()
    users = evidence.all(User)
    for user in users:
        _show(session, user, json)
    if not users:
        session.note(session.say(mark("no account yet: haechi user add NAME --role admin")))


def _roles(session: Session, given: list[str] | None) -> set[Role]:
    from haechi.core.evidence import Role

    try:
        return {Role(name) for name in given or []}
    except ValueError as error:
        words = mark("there is no such role; known are {roles}")
        raise InputError(session.say(words, roles=", ".join(Role))) from error


def _show(session: Session, user: User, json: bool) -> None:
    from haechi.check.report_page.text import visible

    if json:
        record = {"id": user.id, "name": user.name, "roles": list(user.roles), "active": user.active}
        session.emit({"schema": "haechi.user/1", **record})
        return
    barred = [] if user.active else [session.say(mark("barred"))]
    session.result(f"{user.id}  {' · '.join([visible(user.name), ', '.join(user.roles), *barred])}")
