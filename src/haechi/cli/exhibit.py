"""`haechi exhibit`: preserved items, with all that a court asks of them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from haechi.cli.deadlines import STATES
from haechi.cli.failures import FAILED
from haechi.cli.options import Json, file_argument
from haechi.cli.recognition import item_words
from haechi.cli.records import Because, CaseId, details, show
from haechi.cli.session import Session
from haechi.core.language import mark

if TYPE_CHECKING:
    from haechi.core.evidence import Exhibit
    from haechi.core.store.evidence import Evidence
    from haechi.preserve.verify import Verification

app = typer.Typer(
    name="exhibit",
    no_args_is_help=True,
    rich_markup_mode=None,
    help=mark("Preserve items so that a court can rely on them."),
)
_SAID: Final = {
    "authority": mark("by what right"),
    "examiner": mark("taken by"),
    "method": mark("method"),
    "version": mark("version of Haechi"),
    "final_url": mark("address at the end"),
    "status": mark("HTTP status"),
}
_TOLD: Final = {
    "page": (mark("the page says"), ("title", "og:title", "canonical")),
    "oembed": (mark("oEmbed says"), ("title", "author_name", "provider_name", "missing")),
    "platform": (mark("yt-dlp read"), ("title", "uploader", "upload_date", "view_count", "missing")),
    "stream": (mark("film in pieces"), ("url", "missing")),
    "tls": (mark("certificate"), ("subject", "issuer")),
}
_VIEWS: Final = {"facts": mark("facts alone"), "blurred": mark("blurred"), "clear": mark("clear")}
_Id = Annotated[str, typer.Argument(metavar="EXHIBIT", help=mark("Id of the exhibit, as haechi case show lists it."))]
_Url = Annotated[str, typer.Option("--url", metavar="URL", help=mark("Where it was found."), show_default=False)]
Posted = Annotated[
    str,
    typer.Option(
        "--posted",
        metavar="TIME",
        help=mark("When it was posted, with its zone, e.g. 2026-11-20T21:03+09:00."),
        show_default=False,
    ),
]
Account = Annotated[
    str,
    typer.Option("--account", metavar="NAME", help=mark("Poster, as the public page shows it."), show_default=False),
]
Platform = Annotated[
    str,
    typer.Option("--platform", metavar="NAME", help=mark("Service; found from the address."), show_default=False),
]
Authority = Annotated[
    str,
    typer.Option("--authority", metavar="TEXT", help=mark("By what right, e.g. a contract."), show_default=False),
]
Tsa = Annotated[
    list[str] | None,
    typer.Option(
        "--tsa",
        metavar="URI",
        help=mark("Time stamp authority to ask, also several; local: is our own, not independent."),
        show_default=False,
    ),
]


@app.command(
    "add",
    help=mark("Preserve a file: hashed, encrypted, time-stamped, with who, when, why and how."),
    epilog=mark("Example: haechi exhibit add clip.mp4 --case C-3f9c2a71d0 --url https://example.org/v/1"),
)
def _add(
    context: typer.Context,
    path: Annotated[Path, file_argument("FILE", mark("The file; it is only read."))],
    case: CaseId,
    url: _Url = "",
    posted: Posted = "",
    account: Account = "",
    platform: Platform = "",
    authority: Authority = "",
    because: Because = "",
    tsa: Tsa = None,
    json: Json = False,
) -> None:
    from haechi.preserve.custody import Intent
    from haechi.preserve.facts import Found
    from haechi.workflows.intake import take_file

    session: Session = context.obj
    evidence, person = session.evidence()
    intent = Intent(Found(url, posted, account, platform).checked(), "file", path.name, authority, because)
    limits, look, see = session.settings.limits, session.classifier(), session.recogniser()
    exhibit = take_file(evidence, person, case, path, intent, authorities(session, tsa), limits, look, see)
    tell(session, evidence, exhibit, json)


@app.command(
    "note",
    help=mark("Keep an address and the account alone, without any file: all that may be kept of a minor."),
    epilog=mark("Example: haechi exhibit note --case C-3f9c2a71d0 --url https://example.org/v/1 --account someone"),
)
def _note(
    context: typer.Context,
    case: CaseId,
    url: _Url,
    posted: Posted = "",
    account: Account = "",
    platform: Platform = "",
    because: Because = "",
    tsa: Tsa = None,
    json: Json = False,
) -> None:
    from haechi.preserve.custody import Intent, add_address
    from haechi.preserve.facts import Found

    session: Session = context.obj
    evidence, person = session.evidence()
    intent = Intent(Found(url, posted, account, platform), "report", why=because)
    tell(session, evidence, add_address(evidence, person, case, intent, authorities(session, tsa)), json)


@app.command(
    "show",
    help=mark("Show an exhibit: facts, hashes, time stamps and custody. Nothing of its picture or sound."),
    epilog=mark("Example: haechi exhibit show E-3f9c2a71d0"),
)
def _one(context: typer.Context, exhibit_id: _Id, json: Json = False) -> None:
    from haechi.core.evidence import Exhibit, Holding, Stamp
    from haechi.core.recognition import Recognition

    session: Session = context.obj
    evidence, person = session.evidence()
    person.need("exhibit.see")
    exhibit = evidence.get(Exhibit, exhibit_id)
    evidence.change(lambda change: change.log("exhibit.look", exhibit_id, view="facts"))
    holding = evidence.find(Holding, exhibit_id)
    stamps, known = evidence.all(Stamp, exhibit_id), evidence.find(Recognition, exhibit_id)
    custody: list[dict[str, Any]] = [
        {"at": one.at, "actor": one.actor, "act": one.act, "why": one.why, "detail": one.detail}
        for one in evidence.history(exhibit_id)
    ]
    if json:
        given = [{"id": one.id, "tsa": one.tsa, "at": one.at, "independent": one.independent} for one in stamps]
        held = holding.to_fields()["places"] if holding else {}
        told = {"case": exhibit.parent, "held": held, "stamps": given, "custody": custody}
        show(session, exhibit, [], json, {**told, "item": None if known is None else known.to_fields()})
        return
    _line(session, exhibit, json)
    details(session, [*_facts(session, exhibit), (session.say(mark("item")), item_words(session, known))])
    for part in exhibit.parts:
        details(session, [(part.name, f"{part.sha256} · {part.size} · {part.role}")])
    for stamp in stamps:
        words = "" if stamp.independent else session.say(mark("not independent"))
        details(session, [(stamp.id, " · ".join(filter(None, (stamp.at, stamp.tsa, words))))])
    for event in custody:
        parts = (event["actor"], event["act"], event["why"], _looked(session, event["detail"]))
        details(session, [(event["at"], " · ".join(filter(None, parts)))])


@app.command(
    "verify",
    help=mark("Find out whether an exhibit is still what was taken in. Exit code 1 when something is wrong."),
    epilog=mark("Example: haechi exhibit verify E-3f9c2a71d0"),
)
def _verify(context: typer.Context, exhibit_id: _Id, json: Json = False) -> None:
    from haechi.preserve.verify import verify_exhibit

    session: Session = context.obj
    evidence, person = session.evidence()
    found = verify_exhibit(evidence, person, exhibit_id)
    if json:
        session.emit(_record(found))
    else:
        _tell_verified(session, found)
    if found.faults:
        raise typer.Exit(FAILED)


@app.command(
    "open",
    help=mark("Write a clear copy of a part into a new file; the look is logged. The ordinary lane only."),
    epilog=mark('Example: haechi exhibit open E-3f9c2a71d0 original.mp4 -o copy.mp4 --because "for review"'),
)
def _open(
    context: typer.Context,
    exhibit_id: _Id,
    part: Annotated[str, typer.Argument(metavar="PART", help=mark("Name of the part."))],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help=mark("The new file."), show_default=False)
    ],
    because: Because,
    json: Json = False,
) -> None:
    from haechi.preserve.look import open_part

    session: Session = context.obj
    evidence, person = session.evidence()
    open_part(evidence, person, exhibit_id, part, output, because)
    _written(session, exhibit_id, [output], json)


@app.command(
    "look",
    help=mark("Show the blurred tile of sexual media in a file that goes when you press Enter; how long is logged."),
    epilog=mark("Example: haechi exhibit look E-3f9c2a71d0 -o tile.jpg"),
)
def _look(
    context: typer.Context,
    exhibit_id: _Id,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help=mark("The new file."), show_default=False)
    ],
    json: Json = False,
) -> None:
    from haechi.preserve.look import look_at_tile

    session: Session = context.obj
    evidence, person = session.evidence()
    with look_at_tile(evidence, person, exhibit_id, output):
        session.note(session.say(mark("look at {path}; Enter ends it and removes the file"), path=str(output)))
        sys.stdin.readline()
    view = evidence.history(exhibit_id)[-1].detail
    if json:
        session.emit({"schema": "haechi.look/1", "id": exhibit_id, **view})
    else:
        session.result(f"{exhibit_id}  {_looked(session, view)}")


@app.command(
    "stamp",
    help=mark("Stamp an exhibit again: by another authority, or anew before a certificate ends."),
    epilog=mark("Example: haechi exhibit stamp E-3f9c2a71d0 --tsa https://freetsa.org/tsr"),
)
def _stamp(context: typer.Context, exhibit_id: _Id, tsa: Tsa = None, json: Json = False) -> None:
    from haechi.preserve.custody import add_stamp

    session: Session = context.obj
    evidence, person = session.evidence()
    for uri in authorities(session, tsa):
        stamp = add_stamp(evidence, person, exhibit_id, uri)
        words = "" if stamp.independent else session.say(mark("not independent"))
        show(session, stamp, [stamp.at, stamp.tsa, words], json)


@app.command(
    "destroy",
    help=mark("Destroy the content of an exhibit; its record stays. Takes a second person."),
    epilog=mark('Example: haechi exhibit destroy E-3f9c2a71d0 --because "request of the subject"'),
)
def _destroy(context: typer.Context, exhibit_id: _Id, because: Because, json: Json = False) -> None:
    from haechi.preserve.seal import destroy

    session: Session = context.obj
    evidence, person = session.evidence()
    gone = destroy(evidence, person, exhibit_id, because)
    show(session, gone, [session.say(mark("destroyed")), gone.because], json)


def _looked(session: Session, detail: Mapping[str, Any]) -> str:
    """What somebody looked at, blurred or clear, and for how long where that is known."""
    if "view" not in detail:
        return ""
    view = _VIEWS[detail["view"]]
    parts = [str(detail.get("part", "")), session.say(view)]
    if "seconds" in detail:
        parts.append(session.say(mark("{seconds} s"), seconds=str(detail["seconds"])))
    return " · ".join(part for part in parts if part)


def authorities(session: Session, given: Sequence[str] | None) -> list[str]:
    """URIs that the user gave, or those of the settings."""
    return list(given) if given else session.settings.tsa.split()


def tell(session: Session, evidence: Evidence, exhibit: Exhibit, json: bool) -> None:
    """Show a new exhibit, which authorities did not answer, and what is known to be missing."""
    from haechi.check.report_page.text import visible
    from haechi.core.recognition import Recognition

    failed = [one for one in evidence.history(exhibit.id) if one.act == "exhibit.stamp_failed"]
    known = evidence.find(Recognition, exhibit.id)
    if json:
        stamped = {"case": exhibit.parent, "stamp_failures": [one.why for one in failed]}
        show(session, exhibit, [], json, {**stamped, "item": None if known is None else known.to_fields()})
    else:
        _line(session, exhibit, json)
        details(session, [(session.say(mark("item")), item_words(session, known))])
    for one in failed:
        session.note(session.say(mark("no time stamp: {reason}"), reason=one.why))
    if stream := exhibit.facts.get("stream"):
        words = mark("the page names a film that comes in pieces (HLS, DASH), which was not fetched whole: {url}")
        session.note(session.say(words, url=visible(str(stream["url"]))))
    _tell_flags(session, evidence, exhibit)


def _tell_flags(session: Session, evidence: Evidence, exhibit: Exhibit) -> None:
    from haechi.core.sealing import VaultKeys
    from haechi.workflows.intake import flags_of, was_flagged

    if was_flagged(exhibit):
        words = mark(
            "looks like sexual content: {case} is now in the lane sexual; if that errs, loosen it with two people"
        )
        session.note(session.say(words, case=exhibit.parent))
        if VaultKeys(evidence.home).seal() is None:
            session.note(session.say(mark("nobody holds the keys of the seal yet: haechi vault holders A B C")))
    for reason in dict.fromkeys(flag["abstained"] for flag in flags_of(exhibit) if "abstained" in flag):
        session.note(session.say(mark("not looked at for sexual content: {reason}"), reason=reason))


def _line(session: Session, exhibit: Exhibit, json: bool) -> None:
    words = [exhibit.lane.value, exhibit.platform, exhibit.account, exhibit.url, exhibit.source_name, exhibit.added_at]
    show(session, exhibit, words, json)


def _facts(session: Session, exhibit: Exhibit) -> list[tuple[str, str]]:
    """What the record says of how it was taken and what was found; the JSON form has all of it."""
    facts = exhibit.facts
    rows = [(session.say(words), str(facts.get(name, ""))) for name, words in _SAID.items()]
    state = str(facts.get("state", ""))
    rows.append((session.say(mark("page")), session.say(STATES[state]) if state in STATES else state))
    for name, (words, keys) in _TOLD.items():
        told = facts.get(name)
        found = [f"{key} {told[key]}" for key in keys if key in told] if isinstance(told, dict) else []
        rows.append((session.say(words), " · ".join(found)))
    for name, flag in facts.get("sexual_content", {}).items():
        score = str(flag.get("score", flag.get("abstained", "")))
        rows.append((session.say(mark("score for sexual content")), f"{score} · {name}"))
    return rows


def _written(session: Session, exhibit_id: str, paths: Sequence[Path], json: bool) -> None:
    for path in paths:
        if json:
            session.emit({"schema": "haechi.opened/1", "exhibit": exhibit_id, "path": str(path)})
        else:
            session.result(session.say(mark("written: {path}"), path=str(path)))


def _record(found: Verification) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "schema": "haechi.exhibit_verification/1",
        "id": found.exhibit.id,
        "ok": not found.faults,
        "parts": found.parts_checked,
        "sealed": found.sealed,
        "destroyed": found.destroyed,
        "stamps": [asdict(stamp) for stamp in found.stamps],
        "faults": [asdict(fault) for fault in found.faults],
    }


def _tell_verified(session: Session, found: Verification) -> None:
    for fault in found.faults:
        session.result(f"{fault.where}: {fault.what}")
    words = mark("WRONG: {count} faults") if found.faults else mark("{id} intact: parts {parts}, time stamps {stamps}")
    session.result(
        session.say(
            words, count=len(found.faults), id=found.exhibit.id, parts=found.parts_checked, stamps=len(found.stamps)
        )
    )
    for stamp in found.stamps:
        details(session, [(stamp.id, " · ".join(filter(None, (stamp.at, stamp.tsa, stamp.remark))))])
