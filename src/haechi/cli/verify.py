"""`haechi verify`: what a file carries, who signed it, which release it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haechi.cli.failures import UNREADABLE
from haechi.cli.options import Json, file_argument
from haechi.cli.remote import Remote, manifest_client
from haechi.cli.session import Session
from haechi.core.errors import InputError
from haechi.core.language import Language, mark

if TYPE_CHECKING:
    from haechi.check.verify import Verification

_WORDS = {
    "known_fake": mark("A fake that a reviewer confirmed."),
    "authentic": mark("Authentic: released by you, and not changed since."),
    "transplanted": mark(
        "A MARK OF YOURS IN FOREIGN CONTENT: the invisible mark was moved here from a release of yours."
    ),
    "changed": mark("CHANGED: it was altered after it was signed."),
    "damaged": mark("Its content credentials are damaged: they prove nothing."),
    "trusted": mark("Not changed since it was signed by an issuer whom you trust."),
    "expired": mark("Its content credentials have run out with the signer's certificate: they prove nothing now."),
    "from_release": mark("Made from a release of yours. Whether it was altered, haechi check tells."),
    "unknown_signer": mark("Not changed since it was signed, but anyone can sign: the signer is not known to you."),
    "unknown": mark("Nothing of yours, and no content credentials."),
}
_ONLY_A_MARK = {
    True: mark("It carries a mark of yours, but shows too little to tell whether the mark belongs to it."),
    False: mark("It carries a mark of yours, but of a number that is not known here."),
}
_OUT_OF_REACH = mark("Nothing of yours was found, and its content credentials lie out of reach.")
_BROKEN = mark("DAMAGED: it cannot be decoded, and what it carries proves nothing. Get the file again from its source.")
_MASTER = {
    True: mark("Authentic: your registered master itself, which is not signed."),
    False: mark("Authentic: your registered master itself."),
}
# characters of an address or a server's words
_MOST_SHOWN = 500
_STATES = {
    "trusted": mark("intact, by a signer who is known"),
    "valid": mark("intact, but anyone can sign: the signer is not known"),
    "expired": mark("run out with the signer's certificate"),
    "invalid": mark("the file or the credentials were changed after signing"),
    "damaged": mark("damaged"),
    "detached": mark("stripped from this file; kept when it was signed"),
}
_STATES_OF_BROKEN = mark("they cannot be held against a file that is damaged")
_FAILURES = {
    "refused": mark("they were not fetched: {reason}"),
    "no_answer": mark("they could not be fetched: {reason}"),
    "status": mark("they could not be fetched: the server answers {reason}"),
    "too_large": mark("they were not fetched: they are larger than any honest ones"),
    "too_slow": mark("they were not fetched: the server is too slow"),
    "no_manifest": mark("what the server sent cannot be read as content credentials: {reason}"),
}


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command(
        "verify",
        short_help=mark("Say what a file carries, who signed it, and which release it is."),
        help=mark(
            "Say what a file carries, who signed it, whether it was changed since, and which release it comes from. "
            "Content credentials that were stripped are found again by invisible mark and fingerprint. Those that lie "
            "on a server are named; they are fetched with --remote only, and the server learns of it."
        ),
        epilog=mark("Example: haechi verify teaser.jpg --trust issuer.pem"),
    )(_verify)


def _verify(
    context: typer.Context,
    path: Annotated[Path, file_argument("FILE", mark("The file to verify."))],
    trust: Annotated[
        Path | None,
        typer.Option(metavar="PEM", help=mark("Certificates of issuers to trust as well."), show_default=False),
    ] = None,
    remote: Remote = False,
    json: Json = False,
) -> None:
    from haechi.check.verify import verify
    from haechi.cli.lines import failure_line
    from haechi.core.provenance.certificates import read_anchors
    from haechi.core.provenance.keys import ours

    session: Session = context.obj
    settings = session.settings
    trust_pem = read_anchors(trust) if trust is not None else ""
    try:
        us, client = ours(settings.home), manifest_client(remote)
        found = verify(path, session.store(), settings.limits, us, trust_pem=trust_pem, remote=client)
    except InputError as error:
        session.note(failure_line(path, str(error)))
        raise typer.Exit(UNREADABLE) from error
    if json:
        session.emit(_record(found))
    else:
        _tell(session, found)


def _record(found: Verification) -> dict[str, Any]:
    return {
        "schema": "haechi.verification/1",
        "path": str(found.path),
        "sha256": found.sha256,
        "verdict": found.verdict.value,
        "release": found.release.id if found.release else None,
        "manifest": found.manifest,
        "watermark": found.watermark,
        "fingerprint": found.fingerprint,
        "same_bytes": found.same_bytes,
        "damage": found.damage,
        "parent": found.parent.id if found.parent else None,
    }


def _mark_words(say: Language, found: Mapping[str, Any]) -> str:
    from haechi.check.report_page.text import number, visible

    score, release = number(found["score"]), found["release"]
    if release is None:
        return say(mark("invisible mark of yours, of a number that is not known here (score {score})"), score=score)
    if found["recipient"] is not None:
        words = mark("invisible mark: release {release}, the copy for {recipient} (score {score})")
        return say(words, release=release, recipient=visible(found["recipient"]), score=score)
    return say(mark("invisible mark: release {release} (score {score})"), release=release, score=score)


def _verdict_words(found: Verification) -> str:
    if found.verdict == "unknown" and found.watermark is not None:
        return _ONLY_A_MARK[found.watermark["release"] is not None]
    if found.verdict == "unknown" and found.manifest is not None:
        return _OUT_OF_REACH
    if found.verdict == "damaged" and found.damage is not None:
        return _BROKEN
    if found.verdict == "authentic" and found.same_bytes == "master":
        return _MASTER[found.manifest is None]
    return _WORDS[found.verdict.value]


def _tell(session: Session, found: Verification) -> None:
    from haechi.check.report_page.text import number, visible

    say = session.say
    words = _verdict_words(found)
    session.result(f"{visible(str(found.path))}: {say(words)}")
    if found.damage is not None:
        session.result("  " + visible(found.damage))
    if found.release is not None:
        release = f"{found.release.id} {visible(found.release.title)}"
        session.result("  " + say(mark("release: {release}"), release=release))
    if found.parent is not None:
        parent = f"{found.parent.id} {visible(found.parent.title)}"
        session.result("  " + say(mark("made from release {release}"), release=parent))
    if found.manifest is not None:
        _tell_manifest(session, found.manifest, broken=words == _BROKEN)
    if found.watermark is not None:
        session.result("  " + _mark_words(say, found.watermark))
    if found.fingerprint is not None:
        score = number(found.fingerprint["score"])
        method = found.fingerprint["method"]
        session.result("  " + say(mark("fingerprint: {method}, score {score}"), method=method, score=score))


def _tell_manifest(session: Session, manifest: Mapping[str, Any], *, broken: bool) -> None:
    from haechi.check.report_page.text import visible

    if broken and manifest.get("issuer") is None:  # there may be none: what is cut off does not tell
        return
    say = session.say
    words = _STATES_OF_BROKEN if broken else _STATES[manifest["state"]]
    state = say(words)
    who = manifest.get("issuer") or manifest.get("signed_by") or "?"
    if manifest["found"] == "elsewhere":
        session.result("  " + _remote_words(say, manifest))
    else:
        session.result("  " + say(mark("content credentials of {who}: {state}"), who=visible(str(who)), state=state))
    if manifest["found"] == "remote":
        address = visible(manifest["fetched_from"], _MOST_SHOWN)
        session.result("    " + say(mark("they were fetched from {address}"), address=address))
    for problem in manifest.get("problems", []):
        about = visible(problem["ingredient"]) + ": " if problem["ingredient"] else ""
        session.result(f"    {about}{visible(problem['code'])}")


def _remote_words(say: Language, manifest: Mapping[str, Any]) -> str:
    """Where the credentials lie, and why they were not read."""
    from haechi.check.report_page.text import visible

    failure = manifest["remote_failure"]
    why = say(mark("nothing was fetched; --remote would fetch them"))
    if failure is not None:
        words = _FAILURES[failure["code"]]
        why = say(words, reason=visible(failure["reason"], _MOST_SHOWN))
    address = visible(manifest["remote_url"], _MOST_SHOWN)
    return say(mark("content credentials lie on a server, at {address}: {why}"), address=address, why=why)
