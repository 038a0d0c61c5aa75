"""`haechi protect`: sign releases before they go out, and register them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haechi.cli.failures import UNREADABLE
from haechi.cli.options import ArtistName, Json, Published, Title, file_argument
from haechi.cli.session import Session
from haechi.core.errors import InputError
from haechi.core.language import mark

if TYPE_CHECKING:
    from haechi.core.provenance.keys import Identity
    from haechi.core.records import Mark
    from haechi.core.store import Store
    from haechi.register.protect import Protected, Wish
    from haechi.workflows.files import Failed
    from haechi.workflows.protect import Task

Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", metavar="DIR", file_okay=False, help=mark("Folder for what goes out."), show_default=False
    ),
]
SigningKey = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="NAME",
        help=mark("Name or id of the key to sign with; the newest when not given."),
        show_default=False,
    ),
]
TimeStamps = Annotated[
    str | None,
    typer.Option("--tsa", metavar="URL", help=mark("Time stamp authority (RFC 3161) to ask."), show_default=False),
]
Recipient = Annotated[
    str | None,
    typer.Option(
        "--recipient",
        metavar="NAME",
        help=mark("Whose copies these are, e.g. a press pool: a leak is led back to them."),
        show_default=False,
    ),
]
NoWatermark = Annotated[bool, typer.Option("--no-watermark", help=mark("Sign only; leave out the invisible mark."))]

_SIDE_BY_SIDE = 4  # a picture of 12 megapixels takes some 400 MB while it is marked
_UNMARKED = {
    "asked": mark("not marked, as you asked"),
    "kind": mark("not marked: there is no mark yet for this kind of media"),
    "format": mark(
        "not marked: this format cannot be written again without loss of what is in it; use JPEG, PNG, WebP, a plain "
        "AVIF or TIFF, H.264 or HEVC, WAV or FLAC"
    ),
    "pages": mark("not marked: the file holds more than one picture"),
    "hdr": mark("not marked: a picture of high dynamic range (PQ or HLG); only standard range is marked"),
    "depth": mark("not marked: 8 bits a colour are marked, of PNG and TIFF also 16; this file has another number"),
    "colours": mark("not marked: colours by palette or for print (CMYK); use RGB"),
    "small": mark("not marked: the picture is smaller than 128 pixels"),
    "quality": mark("not marked: the mark does not fit into this picture at 40 dB"),
    "interlaced": mark("not marked: the film is interlaced; deinterlace it first"),
    "streams": mark("not marked: something in the file beside picture and sound cannot be written again"),
    "times": mark("not marked: its time stamps or its length would not stay what they are"),
    "short": mark("not marked: too short or too quiet for a mark to be read"),
}
_MISNAMED = mark(
    "its content is {what}, but its name ends in {suffix}, and so does what goes out: programs may refuse to open it; "
    "rename it and protect it again"
)


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command(
        "protect",
        short_help=mark("Mark and sign releases before they go out, and register them."),
        help=mark(
            "Mark (invisibly) and sign (C2PA) releases before they go out, and register them. The originals are only "
            "read. Names and folders are kept; a run that was stopped goes on where it stopped."
        ),
        epilog=mark('Example: haechi protect photos/ teaser.mp4 -o outgoing --artist "Haneul"'),
    )(_protect)


def _protect(
    context: typer.Context,
    paths: Annotated[list[Path], file_argument("FILE", mark("Releases, or folders of releases."))],
    output: Output,
    artist: ArtistName = None,
    title: Title = None,
    published: Published = None,
    key: SigningKey = None,
    tsa: TimeStamps = None,
    recipient: Recipient = None,
    no_watermark: NoWatermark = False,
    json: Json = False,
) -> None:
    from haechi.cli.each import note_passed_over
    from haechi.cli.registry import acting_store
    from haechi.core.provenance.keys import identity
    from haechi.core.provenance.sign import check_authority
    from haechi.register.marking import company_key
    from haechi.register.protect import Wish
    from haechi.register.release import check_description
    from haechi.workflows.protect import made_from, plan

    session: Session = context.obj
    recipient = _recipient(session, recipient, no_watermark)
    check_authority(tsa)
    wish = Wish(identity(session.settings.home, key), artist, title, published, tsa, recipient=recipient)
    wish.identity.signer()
    _warn_of_its_end(session, wish.identity)
    tasks = plan(paths, output)
    if title is not None and len(tasks.tasks) > 1:
        raise InputError(session.say(mark("--title names one release; protect the files one by one")))
    store = acting_store(session)
    check_description(store, artist, published)
    wish = replace(wish, made_from=lambda path, info, own: made_from(path, info, own, store, session.settings.limits))
    if not no_watermark:
        wish = replace(wish, mark_key=company_key(store))
    note_passed_over(session, tasks.passed_over)
    if _protect_all(session, tasks.tasks, output, store, wish, json):
        raise typer.Exit(UNREADABLE)


def _warn_of_its_end(session: Session, identity: Identity) -> None:
    from haechi.core.provenance.keys import WARN_DAYS

    if identity.days_left < WARN_DAYS:
        words = mark("the certificate {id} ends in {days} days; make the next one: haechi keys new")
        session.note(session.say(words, id=identity.id, days=identity.days_left))


def _protect_all(
    session: Session, tasks: Sequence[Task | Failed], output: Path, store: Store, wish: Wish, json: bool
) -> int:
    """Protect them, several side by side; how many failed."""
    from haechi.cli.each import work_through
    from haechi.register.protect import protect
    from haechi.workflows.protect import staging

    with staging(output, tasks) as place:

        def work(task: Task, progress: Callable[[float], None]) -> Protected:
            return protect(task.source, task.output, place, store, session.settings.limits, wish, progress)

        return work_through(
            session,
            tasks,
            lambda task: task.source,
            work,
            lambda done: _show(session, done, json),
            side_by_side=min(_SIDE_BY_SIDE, os.cpu_count() or 1),
        )


def _recipient(session: Session, name: str | None, no_watermark: bool) -> str | None:
    """The recipient's name as it is kept."""
    from haechi.core.store.rows import normal_name

    if name is None:
        return None
    if no_watermark or not normal_name(name):
        raise InputError(session.say(mark("--recipient needs a name, and the watermark that carries it")))
    return normal_name(name)


def _show(session: Session, done: Protected, json: bool) -> None:
    from haechi.check.report_page.text import number, visible
    from haechi.cli.lines import failure_line

    if done.misnamed is not None:
        words = session.say(_MISNAMED, **_misnamed_fields(done))
        session.note(failure_line(done.source, words))
    if json:
        session.emit(_record(done))
        return
    say, parts = session.say, [visible(str(done.output))]
    if done.mark is None:
        parts.append(say(mark("signed and registered")))
        parts.append(say(_UNMARKED.get(done.protection.unmarked or "", _UNMARKED["kind"])))
    else:
        parts.append(say(mark("marked, signed and registered")))
        if done.mark.psnr_db is not None:
            parts.append(say(mark("{psnr} dB"), psnr=number(done.mark.psnr_db)))
        if done.mark.recipient is not None:
            parts.append(say(mark("copy for {recipient}"), recipient=visible(done.mark.recipient)))
    if done.parent is not None:
        parent = f"{done.parent.id} {visible(done.parent.title)}"
        parts.append(say(mark("made from release {release}"), release=parent))
    if done.reused:
        parts.append(say(mark("was protected already")))
    session.result(f"{done.release.id}  {' · '.join(parts)}")


def _misnamed_fields(done: Protected) -> Mapping[str, str]:
    return {"what": done.misnamed or "", "suffix": done.source.suffix}


def _record(done: Protected) -> Mapping[str, Any]:
    signed = done.protection
    return {
        "schema": "haechi.protected/1",
        "source": str(done.source),
        "output": str(done.output),
        "release": done.release.id,
        "parent": done.parent.id if done.parent is not None else None,
        "sha256": signed.output_sha256,
        "psnr_db": None if done.mark is None or done.mark.psnr_db is None else round(done.mark.psnr_db, 2),
        "manifest": {
            "label": signed.label,
            "sha256": signed.manifest,
            "sidecar": str(done.sidecar) if done.sidecar else None,
            "signed_by": signed.signed_by,
            "signed_at": signed.signed_at,
        },
        "watermark": _mark_record(done.mark),
        "unmarked": _unmarked_record(done),
        "warnings": _warning_records(done),
        "reused": done.reused,
    }


def _warning_records(done: Protected) -> Sequence[Mapping[str, Any]]:
    if done.misnamed is None:
        return []
    return [{"code": "name", "reason": _MISNAMED.format(**_misnamed_fields(done))}]


def _mark_record(found: Mark | None) -> Mapping[str, Any] | None:
    if found is None:
        return None
    return {"method": found.method, "recipient": found.recipient, "survives": found.survives}


def _unmarked_record(done: Protected) -> Mapping[str, Any] | None:
    code = done.protection.unmarked
    if done.mark is not None or code is None:
        return None
    return {"code": code, "reason": _UNMARKED.get(code, code)}
