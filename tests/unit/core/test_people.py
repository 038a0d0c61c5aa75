from __future__ import annotations

from pathlib import Path

import pytest

from accounts import APPROVER, AUDITOR, LEGAL, evidence_of
from haechi.core.approvals import decide, need_second
from haechi.core.errors import InputError, PolicyError
from haechi.core.evidence import Approval, Role, User
from haechi.core.people import Person, add_user, alone, set_roles, sign_in
from haechi.core.store.evidence import Evidence

PASSWORD = "correct horse battery"  # noqa: S105


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return evidence_of(tmp_path)


def test_before_accounts_one_acts_alone(evidence: Evidence) -> None:
    person = sign_in(evidence, None, None)
    assert person.alone
    assert person.name.startswith("local:")
    assert all(person.may(act) for act in ("case.open", "user.manage"))


def test_account_signs_in_with_its_password_alone(evidence: Evidence) -> None:
    user = add_user(evidence, alone(), "김민수", [Role.ADMIN, Role.DESK], PASSWORD)
    assert PASSWORD not in user.password
    assert user.password.startswith("$argon2id$")
    assert sign_in(evidence, "김민수", PASSWORD).roles == {Role.ADMIN, Role.DESK}
    for name, password in (("김민수", "wrong"), ("nobody", PASSWORD), ("김민수", None), (None, None)):
        with pytest.raises(PolicyError):
            sign_in(evidence, name, password)


def test_barred_account_cannot_sign_in(evidence: Evidence) -> None:
    admin = Person("kim", frozenset({Role.ADMIN}))
    add_user(evidence, admin, "kim", [Role.ADMIN], PASSWORD)
    add_user(evidence, admin, "lee", [Role.DESK], PASSWORD)
    set_roles(evidence, admin, "lee", [], active=False)
    with pytest.raises(PolicyError):
        sign_in(evidence, "lee", PASSWORD)
    set_roles(evidence, admin, "lee", [Role.LEGAL])
    assert sign_in(evidence, "lee", PASSWORD).roles == {Role.LEGAL}


@pytest.mark.parametrize(
    ("name", "roles", "password"),
    [
        ("", [Role.ADMIN], PASSWORD),
        ("local:x", [Role.ADMIN], PASSWORD),
        ("kim", [], PASSWORD),
        ("kim", [Role.DESK], PASSWORD),
        ("kim", [Role.ADMIN], "short"),
    ],
)
def test_account_that_cannot_be(evidence: Evidence, name: str, roles: list[Role], password: str) -> None:
    with pytest.raises(InputError):
        add_user(evidence, alone(), name, roles, password)
    assert evidence.all(User) == []


def test_last_administrator_stays(evidence: Evidence) -> None:
    add_user(evidence, alone(), "kim", [Role.ADMIN], PASSWORD)
    for roles, active in (([Role.DESK], True), ([], False)):
        with pytest.raises(InputError, match="administrator"):
            set_roles(evidence, alone(), "kim", roles, active)


def test_only_an_administrator_manages_accounts(evidence: Evidence) -> None:
    with pytest.raises(PolicyError, match="role admin"):
        add_user(evidence, LEGAL, "kim", [Role.ADMIN], PASSWORD)


@pytest.mark.parametrize("act", ["exhibit.see", "exhibit.open", "case.see", "notice.draft", "case.export"])
def test_auditor_and_administrator_see_no_media(act: str) -> None:
    assert not AUDITOR.may(act)
    assert not Person("admin", frozenset({Role.ADMIN})).may(act)


def ask(evidence: Evidence, who: Person, detail: dict[str, str] | None = None) -> str:
    consent = need_second(evidence, who, "exhibit.unseal", "E-1", "for counsel", "rule 4", detail or {"to": "x"})
    evidence.change(lambda change: consent.use(change, "for counsel"))
    with pytest.raises(PolicyError, match="used before"):
        evidence.change(lambda change: consent.use(change, "for counsel"))
    return consent.second


def test_second_person_consents_once_and_to_that_alone(evidence: Evidence) -> None:
    for _ in range(2):
        with pytest.raises(PolicyError, match="approve grant"):
            ask(evidence, LEGAL)
    (asked,) = evidence.all(Approval)
    both = Person("legal", frozenset({Role.LEGAL, Role.APPROVER}))
    with pytest.raises(PolicyError, match="your own"):
        decide(evidence, both, asked.id, True, "")
    with pytest.raises(PolicyError, match="role approver"):
        decide(evidence, LEGAL, asked.id, True, "")
    decide(evidence, APPROVER, asked.id, True, "seen")
    with pytest.raises(PolicyError):
        ask(evidence, LEGAL, {"to": "another place"})
    with pytest.raises(PolicyError):
        ask(evidence, Person("other", frozenset({Role.LEGAL})))
    assert ask(evidence, LEGAL) == "approver"
    with pytest.raises(PolicyError):
        ask(evidence, LEGAL)
    assert [entry.act for entry in evidence.history(asked.id)] == ["approval.ask", "approval.grant", "approval.use"]


def test_refused_is_refused(evidence: Evidence) -> None:
    with pytest.raises(PolicyError):
        ask(evidence, LEGAL)
    (asked,) = evidence.all(Approval)
    decide(evidence, APPROVER, asked.id, False, "no")
    with pytest.raises(InputError, match="decided before"):
        decide(evidence, APPROVER, asked.id, True, "")
    with pytest.raises(PolicyError):
        ask(evidence, LEGAL)
    assert len(evidence.all(Approval)) == 2


def test_nobody_alone_is_two(evidence: Evidence) -> None:
    with pytest.raises(PolicyError, match="haechi user add"):
        ask(evidence, alone())
    assert evidence.all(Approval) == []
