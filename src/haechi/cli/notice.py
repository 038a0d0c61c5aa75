"""`haechi notice`: drafts for each law, a person's signature, what came back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haechi.cli.options import Json
from haechi.cli.records import Because, CaseId, details, show
from haechi.cli.session import Session
from haechi.core.errors import InputError
from haechi.core.language import mark

if TYPE_CHECKING:
    from haechi.core.evidence import Notice

app = typer.Typer(
    name="notice",
    no_args_is_help=True,
    rich_markup_mode=None,
    help=mark("Draft notices as each law wants them; every draft is for counsel."),
)
_Id = Annotated[str, typer.Argument(metavar="NOTICE", help=mark("Id of the notice, as the list shows it."))]
STATES = {
    "drafted": mark("drafted"),
    "signed": mark("signed"),
    "sent": mark("sent"),
    "acknowledged": mark("acknowledged"),
    "removed": mark("removed"),
    "refused": mark("refused"),
    "reappeared": mark("REAPPEARED"),
}


@app.command(
    "draft",
    help=mark("Draft a notice from the case's exhibits; says what is still missing."),
    epilog=mark("Example: haechi notice draft --case C-3f9c2a71d0 --law kr-44-2 --to YouTube --field name=Example"),
)
def _draft(
    context: typer.Context,
    case: CaseId,
    law: Annotated[
        str,
        typer.Option(
            metavar="LAW",
            help=mark("kr-44-2, kr-44-12, kr-44-6, kr-d4u, kr-1377, us-tida, us-dmca, eu-dsa16, uk-osa or jp-idpa."),
            show_default=False,
        ),
    ],
    to: Annotated[
        str, typer.Option(metavar="NAME", help=mark("Platform or body that it goes to."), show_default=False)
    ],
    field: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=TEXT", help=mark("A field of the law; several."), show_default=False),
    ] = None,
    exhibit: Annotated[
        list[str] | None,
        typer.Option(metavar="EXHIBIT", help=mark("Exhibit to rest on; all of the case if none."), show_default=False),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help=mark("Output of haechi check --json: its reasons become the facts."),
            show_default=False,
        ),
    ] = None,
    parody: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            help=mark("Why it is no satire or parody, or why it is illegal all the same."),
            show_default=False,
        ),
    ] = "",
    language: Annotated[
        str | None, typer.Option(metavar="LANG", help=mark("ko, en or ja; the law's own if not given."))
    ] = None,
    json: Json = False,
) -> None:
    from haechi.act.notice.draft import draft_notice

    session: Session = context.obj
    given = _fields(session, field or [])
    checked = _report(session, report) if report is not None else None
    evidence, person = session.evidence()
    notice = draft_notice(
        evidence,
        person,
        case,
        law,
        to,
        given,
        language=language,
        parody=parody,
        report=checked,
        exhibits=exhibit or [],
    )
    _show(session, notice, json)


@app.command(
    "show",
    help=mark("Show the text of a notice with its signatures."),
    epilog=mark("Example: haechi notice show N-3f9c2a71d0"),
)
def _one(context: typer.Context, notice_id: _Id, json: Json = False) -> None:
    from haechi.act.notice.draft import signed_text
    from haechi.core.evidence import Notice

    session: Session = context.obj
    evidence, person = session.evidence()
    person.need("case.see")
    notice = evidence.get(Notice, notice_id)
    if json:
        _show(session, notice, json)
    else:
        session.result(signed_text(notice))


@app.command(
    "sign",
    help=mark("Sign a notice by hand: refused while anything is missing; DMCA and identity requests take two."),
    epilog=mark('Example: haechi notice sign N-3f9c2a71d0 --name "J. Kim" --role counsel'),
)
def _sign(
    context: typer.Context,
    notice_id: _Id,
    name: Annotated[str, typer.Option(metavar="NAME", help=mark("Who signs."), show_default=False)],
    role: Annotated[str, typer.Option(metavar="ROLE", help=mark("In which role."), show_default=False)],
    because: Because = "",
    key: Annotated[
        str,
        typer.Option(
            metavar="URI",
            help=mark(
                "Also sign inside the PDF (PAdES): file:PATH, pkcs11:URI or exec:COMMAND; else HAECHI_NOTICE_KEY."
            ),
            show_default=False,
        ),
    ] = "",
    chain: Annotated[
        Path | None,
        typer.Option(metavar="PEM", help=mark("Certificates of the key, the signer's first; PKCS#12 has its own.")),
    ] = None,
    tsa: Annotated[
        str, typer.Option(metavar="URI", help=mark("Time stamp authority; else HAECHI_TSA."), show_default=False)
    ] = "",
    json: Json = False,
) -> None:
    from haechi.act.notice.states import Hand, sign_notice

    session: Session = context.obj
    evidence, person = session.evidence()
    settings, hand = session.settings, None
    if key or settings.notice_key:
        from haechi.core.fetch import Client
        from haechi.core.pades import PdfKey

        place = PdfKey(key or settings.notice_key, chain or settings.notice_chain, settings.notice_passphrase_file)
        hand = Hand(place, (tsa or settings.tsa).split()[0], settings.models, Client())
    _show(session, sign_notice(evidence, person, notice_id, name, role, because, hand), json)


@app.command(
    "pdf",
    help=mark("Write a notice as PDF: the one that was signed inside, else its text as it stands now."),
    epilog=mark("Example: haechi notice pdf N-3f9c2a71d0 -o notice.pdf"),
)
def _pdf(
    context: typer.Context,
    notice_id: _Id,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help=mark("Where the PDF goes."), show_default=False)
    ],
    json: Json = False,
) -> None:
    import base64

    from haechi.act.notice.paper import notice_pdf
    from haechi.core.durable import write_out
    from haechi.core.evidence import Notice, Paper

    session: Session = context.obj
    evidence, person = session.evidence()
    person.need("case.see")
    notice, paper = evidence.get(Notice, notice_id), evidence.find(Paper, notice_id)
    data = notice_pdf(notice, session.settings.models) if paper is None else base64.b64decode(paper.pdf)
    write_out(output, data)
    level = None if paper is None else paper.level
    if json:
        session.emit({"schema": "haechi.notice_pdf/1", "id": notice.id, "path": str(output), "level": level})
    else:
        session.result(session.say(mark("written: {path}"), path=str(output)))


@app.command(
    "sent",
    help=mark("Note that a signed notice went out; its clock starts."),
    epilog=mark('Example: haechi notice sent N-3f9c2a71d0 --channel "web form"'),
)
def _sent(
    context: typer.Context,
    notice_id: _Id,
    channel: Annotated[str, typer.Option(metavar="TEXT", help=mark("How it was sent."), show_default=False)] = "",
    because: Because = "",
    json: Json = False,
) -> None:
    from haechi.act.notice.states import mark_sent

    session: Session = context.obj
    evidence, person = session.evidence()
    notice = mark_sent(evidence, person, notice_id, channel, session.settings.notice_cap, because)
    _show(session, notice, json)


@app.command(
    "answer",
    help=mark("Note what became of a notice."),
    epilog=mark("Example: haechi notice answer N-3f9c2a71d0 removed"),
)
def _answer(
    context: typer.Context,
    notice_id: _Id,
    state: Annotated[str, typer.Argument(metavar="STATE", help=mark("acknowledged, removed, refused or reappeared."))],
    text: Annotated[str, typer.Option(metavar="TEXT", help=mark("What the addressee wrote."), show_default=False)] = "",
    json: Json = False,
) -> None:
    from haechi.act.notice.states import note_answer
    from haechi.core.evidence import NoticeState

    session: Session = context.obj
    if state not in STATES:
        words = mark("there is no such state; known are acknowledged, removed, refused, reappeared")
        raise InputError(session.say(words))
    evidence, person = session.evidence()
    _show(session, note_answer(evidence, person, notice_id, NoticeState(state), text), json)


@app.command(
    "list",
    help=mark("List the notices, and how their addressees took them lately."),
    epilog=mark("Example: haechi notice list --case C-3f9c2a71d0"),
)
def _list(
    context: typer.Context,
    case: Annotated[
        str | None, typer.Option(metavar="CASE", help=mark("Only of this case."), show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    from haechi.act.notice.states import meter
    from haechi.core.evidence import Notice

    session: Session = context.obj
    evidence, person = session.evidence()
    person.need("case.see")
    every = evidence.all(Notice)
    notices = [one for one in every if case is None or one.parent == case]
    for notice in notices:
        _show(session, notice, json)
    for to in dict.fromkeys(one.to for one in notices):
        found = meter(every, to)
        if found.warns:
            words = mark("{to} refused {refused} of {answered} notices in 90 days")
            session.note(session.say(words, to=to, refused=found.refused, answered=found.answered))
    if not notices:
        session.note(session.say(mark("no notice yet")))


def _fields(session: Session, given: list[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    if not all(key and equals for key, equals, _ in pairs):
        raise InputError(session.say(mark("a field is given as KEY=TEXT, e.g. --field email=legal@example.org")))
    return {key: value for key, _, value in pairs}


def _report(session: Session, path: Path) -> Mapping[str, Any]:
    import json

    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(session.say(mark("{path} is no output of haechi check --json"), path=str(path))) from error
    if not isinstance(found, dict):
        raise InputError(session.say(mark("{path} is no output of haechi check --json"), path=str(path)))
    return found


def _show(session: Session, notice: Notice, json: bool) -> None:
    from haechi.act.notice.draft import missing

    gaps = missing(notice) if notice.state == "drafted" else []
    state = session.say(STATES[notice.state])
    waits = notice.deadline and notice.state in ("sent", "acknowledged", "reappeared")
    due = session.say(mark("due {day}"), day=notice.deadline[:16]) if waits else ""
    told = {"case": notice.parent, "missing": gaps}
    show(session, notice, [notice.law, notice.to, state, due], json, told)
    if gaps and not json:
        details(session, [(session.say(mark("still lacks")), ", ".join(gaps))])
