"""Who works here and what each may do: local accounts with roles; passwords as argon2id hashes.

Before the first account exists, whoever runs Haechi acts alone as `local:<login name>` with every role; the ledger
says so, and what takes two people is refused. The first account is an administrator's, or else nobody could add more.
Limits: accounts keep honest people apart and the log true. Who may write the files of the home is outside their reach;
checkpoints that lie elsewhere show what such a person does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from haechi.core.errors import InputError, PolicyError
from haechi.core.evidence import Role, User
from haechi.core.login import login_account
from haechi.core.store import new_id
from haechi.core.store.evidence import Evidence
from haechi.core.store.ledger import Change
from haechi.core.store.rows import normal_name

LEAST_PASSWORD: Final = 10
_WORKING: Final = (Role.DESK, Role.REVIEWER, Role.LEGAL)
_SEEING: Final = (*_WORKING, Role.APPROVER)

ALLOWED: Final[Mapping[str, tuple[Role, ...]]] = {
    "case.open": _WORKING,
    "case.see": _SEEING,
    "case.lane": _SEEING,
    "case.close": (Role.REVIEWER, Role.LEGAL),
    "case.export": (Role.LEGAL,),
    "exhibit.add": _WORKING,
    "exhibit.add_sexual": (Role.LEGAL,),
    "exhibit.see": _SEEING,
    "exhibit.open": (Role.REVIEWER, Role.LEGAL),
    "exhibit.destroy": (Role.LEGAL,),
    "exhibit.unseal": (Role.LEGAL,),
    "sighting.add": _WORKING,
    "notice.draft": _WORKING,
    "notice.sign": (Role.LEGAL,),
    "notice.send": (Role.LEGAL,),
    "notice.answer": _WORKING,
    "approval.decide": (Role.APPROVER,),
    "ledger.see": (Role.AUDITOR, Role.LEGAL, Role.ADMIN),
    "ledger.checkpoint": (Role.AUDITOR, Role.LEGAL, Role.ADMIN),
    "registry.change": (*_WORKING, Role.ADMIN),
    "user.manage": (Role.ADMIN,),
    "vault.holders": (Role.ADMIN,),
    "keys.manage": (Role.ADMIN,),
}
"""Act -> roles that allow it. An administrator sees no media, an auditor only the ledger."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts.

    Attributes:
        name: of the account, or `local:<login name>`.
        roles: what the account has.
        alone: True while there are no accounts.
    """

    name: str
    roles: frozenset[Role]
    alone: bool = False

    def may(self, act: str) -> bool:
        """Tell whether one of the roles allows an act."""
        return not self.roles.isdisjoint(ALLOWED[act])

    def need(self, act: str) -> None:
        """See that the act is allowed.

        Raises:
            PolicyError: no role of this person allows it.
        """
        if not self.may(act):
            wanted = " or ".join(role.value for role in ALLOWED[act])
            raise PolicyError(f"{self.name} may not do this ({act}): it takes the role {wanted}")


def alone() -> Person:
    """Whoever runs Haechi while there are no accounts."""
    return Person(login_account(), frozenset(Role), alone=True)


def sign_in(evidence: Evidence, name: str | None, password: str | None) -> Person:
    """The person of an account, or the one who acts alone while there is none.

    Raises:
        PolicyError: unknown, barred, or the password is wrong; which of them is not said.
    """
    users = evidence.all(User)
    if not users and name is None:
        return alone()
    if name is None:
        raise PolicyError("this home has accounts: say who you are, e.g. haechi --as kim, or HAECHI_USER=kim")
    user = next((one for one in users if one.name == normal_name(name)), None)
    if not _fits(user.password if user else None, password or "") or user is None or not user.active:
        raise PolicyError(f"{name} cannot sign in: the name or the password is wrong, or the account is barred")
    return Person(user.name, frozenset(Role(role) for role in user.roles))


def add_user(evidence: Evidence, person: Person, name: str, roles: Collection[Role], password: str) -> User:
    """A new account.

    Raises:
        InputError: no name, no role, a short password, a name that is taken, or a first account without `admin`.
        PolicyError: this takes an administrator.
    """
    person.need("user.manage")
    name = normal_name(name)
    if not name or ":" in name:
        raise InputError("an account needs a name without a colon")
    if not roles:
        raise InputError(f"an account needs a role: {', '.join(Role)}")
    hashed = hash_password(password)

    def work(change: Change) -> User:
        users = change.all(User)
        if any(user.name == name for user in users):
            raise InputError(f"there is an account {name} already; haechi user role changes its roles")
        if not users and Role.ADMIN not in roles:
            raise InputError("the first account must be an administrator's: --role admin")
        user = User(new_id("U"), "", name, tuple(sorted(role.value for role in roles)), hashed)
        return change.put(user, "user.add", roles=list(user.roles))

    return evidence.change(work)


def set_roles(evidence: Evidence, person: Person, name: str, roles: Collection[Role], active: bool = True) -> User:
    """Give an account other roles, or bar it.

    Raises:
        InputError: no such account, or nobody would be left to manage accounts.
        PolicyError: this takes an administrator.
    """
    person.need("user.manage")

    def work(change: Change) -> User:
        users = change.all(User)
        user = next((one for one in users if one.name == normal_name(name)), None)
        if user is None:
            raise InputError(f"there is no account {name}; haechi user list shows them")
        given = tuple(sorted(role.value for role in roles)) or user.roles
        changed = replace(user, roles=given, active=active)
        others = [one for one in users if one.id != user.id] + [changed]
        if not any(one.active and Role.ADMIN in one.roles for one in others):
            raise InputError("one active administrator must remain")
        return change.put(changed, "user.role", roles=list(changed.roles), active=active)

    return evidence.change(work)


def hash_password(password: str) -> str:
    """Argon2id hash with the library's parameters (RFC 9106, low memory).

    Raises:
        InputError: it is too short.
    """
    from argon2 import PasswordHasher

    if len(password) < LEAST_PASSWORD:
        raise InputError(f"a password has at least {LEAST_PASSWORD} characters")
    return PasswordHasher().hash(password)


def _fits(hashed: str | None, password: str) -> bool:
    """Takes as long for an unknown name as for a known one."""
    from argon2 import PasswordHasher
    from argon2.exceptions import InvalidHashError, VerificationError

    hasher = PasswordHasher()
    if hashed is None:
        hasher.hash(password)
        return False
    try:
        return hasher.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False
