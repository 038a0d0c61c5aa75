"""People for tests: accounts with every role, without the cost of a password."""

from __future__ import annotations

from pathlib import Path

from haechi.core.evidence import Role
from haechi.core.people import Person
from haechi.core.store import open_store
from haechi.core.store.evidence import Evidence


def person(name: str, *roles: Role) -> Person:
    return Person(name, frozenset(roles))


DESK = person("desk", Role.DESK)
REVIEWER = person("reviewer", Role.REVIEWER)
LEGAL = person("legal", Role.LEGAL)
APPROVER = person("approver", Role.APPROVER)
AUDITOR = person("auditor", Role.AUDITOR)
ADMIN = person("admin", Role.ADMIN)
EVERYONE = (DESK, REVIEWER, LEGAL, APPROVER, AUDITOR, ADMIN)


def evidence_of(home: Path, who: Person = LEGAL) -> Evidence:
    return open_store(home).evidence(who.name)
