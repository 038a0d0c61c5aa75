"""`--remote`, and who fetches then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from haechi.core.language import mark

if TYPE_CHECKING:
    from haechi.core.fetch import Client

Remote = Annotated[
    bool,
    typer.Option("--remote", help=mark("Fetch content credentials that lie on the server that the file names.")),
]


def manifest_client(remote: bool) -> Client | None:
    """The guarded client for manifests, if it was asked for."""
    if not remote:
        return None
    from haechi.check.remote import MANIFEST_LIMITS
    from haechi.core.fetch import Client

    return Client(limits=MANIFEST_LIMITS, any_kind=True)
