"""What every command shares: where the state lives, which language is spoken, and the two output streams.

Results go to standard output, one line or one JSON object each; everything else goes to standard error. Names
come from strangers, so nothing reaches a terminal before its control characters have been made visible.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from haechi.core.errors import HaechiError, InputError
from haechi.core.language import Language, mark, negotiate, translate

if TYPE_CHECKING:
    from haechi.cli.progress import Bar
    from haechi.core.flag import Classify
    from haechi.core.people import Person
    from haechi.core.recognition import Recognise
    from haechi.core.settings import Settings
    from haechi.core.store import Store
    from haechi.core.store.evidence import Evidence


class Session:
    """One run of the command line.

    Args:
        home: what `--home` said, or None for `HAECHI_HOME` or the default.
        user: what `--as` or `HAECHI_USER` said: the account that acts.
    """

    def __init__(self, home: Path | None = None, user: str | None = None) -> None:
        self._home = home
        self._user = user

    @cached_property
    def settings(self) -> Settings:
        """Settings from flags and `HAECHI_*` variables.

        Raises:
            InputError: a variable has a value that cannot be used.
        """
        from pydantic import ValidationError

        from haechi.core.settings import Settings

        try:
            return Settings() if self._home is None else Settings(home=self._home)
        except ValidationError as error:
            prefix = "HAECHI_LIMIT_" if error.title == "Limits" else "HAECHI_"
            first = error.errors()[0]
            name = prefix + "_".join(map(str, first["loc"])).upper()
            raise InputError(f"{name}={first['input']!r}: {first['msg']}") from error

    @cached_property
    def say(self) -> Language:
        """The user's language."""
        return translate(self.language)

    @property
    def language(self) -> str:
        """Code of the user's language."""
        return negotiate(os.environ)

    def need_models(self) -> None:
        """See that weights are there before any file is looked at; that they are the right ones is seen on use.

        Raises:
            HaechiError: some are missing.
        """
        from haechi.core.media.models import load_manifest

        folder = self.settings.models
        if not all((folder / model.name).is_file() for model in load_manifest()):
            raise HaechiError(self.say(mark("the weights are not there yet; fetch them once: haechi models pull")))

    def store(self) -> Store:
        """The store in the home."""
        from haechi.core.store import open_store

        return open_store(self.settings.home)

    def evidence(self) -> tuple[Evidence, Person]:
        """The evidence of the home, and who works with it.

        Raises:
            PolicyError: the home has accounts and this is none of them.
        """
        from haechi.core.people import sign_in
        from haechi.preserve.private import remove_left

        remove_left()
        evidence = self.store().evidence("")
        password = None if self._user is None else self.password(self._user)
        person = sign_in(evidence, self._user, password)
        return evidence.acting(person.name), person

    def classifier(self) -> Classify:
        """What flags sexual content; it loads its weights when it first looks."""
        from haechi.core.media.sexual import SexualContent

        return SexualContent(self.settings.models, self.settings.limits)

    def recogniser(self) -> Recognise:
        """What sees which exhibits show the same, and which release a file was made from."""
        from haechi.workflows.recognise import Recogniser

        return Recogniser(self.store(), self.settings)

    def password(self, name: str, file: str | None = None) -> str:
        """The password of `name`: the first line of a file (`HAECHI_PASSWORD_FILE`), or as it is typed."""
        file = file or os.environ.get("HAECHI_PASSWORD_FILE")
        if file:
            try:
                return Path(file).read_text(encoding="utf-8").split("\n", 1)[0]
            except (OSError, UnicodeDecodeError) as error:
                raise InputError(f"the password file {file} cannot be read") from error
        if not sys.stdin.isatty():
            raise InputError(self.say(mark("no terminal to ask for a password; name a file: HAECHI_PASSWORD_FILE")))
        from getpass import getpass

        return getpass(self.say(mark("Password of {name}: "), name=name))

    def bar(self) -> Bar:
        """A progress bar on standard error; it shows nothing when that is no terminal."""
        from haechi.cli.progress import Bar

        return Bar()

    def emit(self, record: Mapping[str, Any]) -> None:
        """Write one JSON object as one line to standard output."""
        line = json.dumps(record, ensure_ascii=False)
        try:
            line.encode(sys.stdout.encoding)
        except UnicodeEncodeError:
            line = json.dumps(record)  # a path that is not valid text, or a terminal without Unicode
        _write(sys.stdout, line)

    def result(self, line: str) -> None:
        """Write one line for people to standard output."""
        _write(sys.stdout, line)

    def note(self, line: str) -> None:
        """Write one line that is not a result to standard error."""
        _write(sys.stderr, f"haechi: {line}")


def _write(stream: Any, line: str) -> None:
    stream.write(line + "\n")
    stream.flush()
