"""Checkpoints at a second place: what lies there shows a history that was written anew."""

from __future__ import annotations

import email
import email.policy
import re
from pathlib import Path
from typing import Any

import pytest

from haechi.core.errors import InputError, IntegrityError, RemoteError
from haechi.core.ledger import read_checkpoint
from haechi.core.places import MailServer, collect, publish
from haechi.core.store import open_store
from haechi.core.store.evidence import Evidence

NOBODY = MailServer()


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    evidence = open_store(tmp_path / "home").evidence("kim")
    for number in range(5):
        evidence.change(lambda change, number=number: change.log("test", f"C-{number}"))  # type: ignore[misc]
    return evidence


@pytest.fixture
def checkpoint(evidence: Evidence) -> bytes:
    return evidence.keep_checkpoint()


def test_file_and_folder(evidence: Evidence, checkpoint: bytes, tmp_path: Path) -> None:
    one = publish(f"file:{tmp_path / 'one.json'}", checkpoint, NOBODY)
    assert one == f"file:{tmp_path / 'one.json'}"
    assert collect(one) == [checkpoint]
    folder = f"file:{tmp_path / 'second place'}/"
    first = publish(folder, checkpoint, NOBODY)
    assert publish(folder, checkpoint, NOBODY) == first, "the same one may come twice"
    later = evidence.keep_checkpoint()
    publish(str(tmp_path / "second place"), later, NOBODY)
    assert collect(folder) == [checkpoint, later]
    with pytest.raises(IntegrityError, match="written over"):
        publish(one, later, NOBODY)
    assert collect(one) == [checkpoint]
    assert evidence.audit(collect(folder)).faults == ()


def test_places_that_cannot_be_used(checkpoint: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="known are file:, s3:, mailto:"):
        publish("ftp://example.org/x", checkpoint, NOBODY)
    with pytest.raises(InputError, match="cannot be read"):
        collect(str(tmp_path / "absent.json"))
    with pytest.raises(InputError, match="holds no checkpoints"):
        collect(f"{tmp_path}/")
    with pytest.raises(InputError, match="read back"):
        collect("mailto:a@example.org")
    with pytest.raises(InputError, match="cannot be written"):
        publish(f"file:{tmp_path}/absent/one.json", checkpoint, NOBODY)
    for uri in ("s3:", "s3://user:secret@bucket/x/", "s3://bucket/?key=1", "s3://bucket/?endpoint=nonsense"):
        with pytest.raises(InputError, match=r"e\.g\. s3:"):
            publish(uri, checkpoint, NOBODY)


def test_s3(evidence: Evidence, checkpoint: bytes, bucket: str) -> None:
    folder = f"s3://checkpoints/haechi/{bucket}"
    first = publish(folder, checkpoint, NOBODY)
    named = read_checkpoint(checkpoint)
    assert first == f"s3://checkpoints/haechi/checkpoint-{named.ledger}-{named.size:012d}.json"
    assert publish(folder, checkpoint, NOBODY) == first
    later = evidence.keep_checkpoint()
    publish(folder, later, NOBODY)
    assert collect(folder) == [checkpoint, later]
    assert collect(first + bucket) == [checkpoint]
    assert evidence.audit(collect(folder)).faults == ()
    with pytest.raises(IntegrityError, match="written over"):
        publish(first + bucket, later, NOBODY)
    assert collect(first + bucket) == [checkpoint]


def test_s3_that_refuses_or_is_away(checkpoint: bytes, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RemoteError, match="NoSuchBucket") as refused:
        publish(f"s3://another-bucket/{bucket}", checkpoint, NOBODY)
    assert refused.value.permanent
    with pytest.raises(RemoteError, match="NoSuchKey"):
        collect(f"s3://checkpoints/absent.json{bucket}")
    with pytest.raises(InputError, match="holds no checkpoints"):
        collect(f"s3://checkpoints/{bucket}")
    monkeypatch.setattr("haechi.core.places.s3._TRIES", 1)
    with pytest.raises(RemoteError) as away:
        publish("s3://checkpoints/?endpoint=http://127.0.0.1:9", checkpoint, NOBODY)
    assert not away.value.permanent


def test_history_written_anew_is_found_by_what_lies_at_the_second_place(
    evidence: Evidence, bucket: str, tmp_path: Path
) -> None:
    folder = f"s3://checkpoints/{bucket}"
    evidence.publish_checkpoint([folder], NOBODY)
    other = tmp_path / "other"
    (other / "keys").mkdir(parents=True)
    (other / "keys" / "ledger.pem").write_bytes((evidence.home / "keys" / "ledger.pem").read_bytes())
    (other / "keys" / "ledger.pem").chmod(0o600)
    forged = open_store(other).evidence("kim")
    for number in range(20):
        forged.change(lambda change, number=number: change.log("other", f"C-{number}"))  # type: ignore[misc]
    assert forged.audit().faults == ()
    assert [fault.where for fault in forged.audit(collect(folder)).faults] == ["entries 0 to 6"]


def test_mail_to_counsel(inbox: Any, checkpoint: bytes) -> None:
    server = MailServer(inbox.uri, "haechi@example.org", "haechi", "a password")
    told = publish("mailto:counsel@example.org", checkpoint, server)
    assert re.fullmatch(r"mailto:counsel@example\.org <[^<>]+@example\.org>", told)
    (envelope,) = inbox.mails
    assert (envelope.mail_from, envelope.rcpt_tos) == ("haechi@example.org", ["counsel@example.org"])
    assert inbox.users == [("haechi", "a password")]
    mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
    (attachment,) = mail.iter_attachments()
    assert attachment.get_content() == checkpoint
    assert read_checkpoint(checkpoint).root in mail.get_body().get_content()  # type: ignore[union-attr]


def test_mail_that_is_refused(inbox: Any, checkpoint: bytes) -> None:
    with pytest.raises(RemoteError, match="did not take the mail") as refused:
        publish("mailto:a@example.org", checkpoint, MailServer(inbox.uri, "b@example.org", "haechi", "wrong"))
    assert refused.value.permanent
    assert "wrong" not in str(refused.value)
    assert inbox.mails == []


def test_no_password_and_no_mail_without_tls(
    plain_inbox: Any, inbox: Any, checkpoint: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RemoteError, match="did not take"):
        publish("mailto:a@example.org", checkpoint, MailServer(plain_inbox.uri, "b@example.org", "haechi", "x"))
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(RemoteError, match="cannot be reached safely"):
        publish("mailto:a@example.org", checkpoint, MailServer(inbox.uri, "b@example.org", "haechi", "x"))
    assert plain_inbox.users == plain_inbox.mails == inbox.users == inbox.mails == []


@pytest.mark.parametrize("address", ["nobody", "a@b.org,c@d.org", "a@b.org\nBcc: c@d.org", "", "A <a@b.org>"])
def test_mail_goes_to_one_plain_address(checkpoint: bytes, address: str) -> None:
    with pytest.raises(InputError, match="no e-mail address"):
        publish(f"mailto:{address}", checkpoint, MailServer("smtps://localhost", "b@example.org"))


@pytest.mark.parametrize("uri", ["", "http://localhost", "smtp://user:pw@localhost", "smtp://localhost:x"])
def test_mail_needs_a_server(checkpoint: bytes, uri: str) -> None:
    with pytest.raises(InputError, match="HAECHI_SMTP"):
        publish("mailto:a@example.org", checkpoint, MailServer(uri, "b@example.org"))


def test_publication_is_logged_and_one_failure_stops_no_other(evidence: Evidence, tmp_path: Path) -> None:
    bad, good = f"file:{tmp_path}/absent/x.json", f"file:{tmp_path}/kept/"
    done = evidence.publish_checkpoint([bad, good], NOBODY)
    assert [one.error is None for one in done] == [False, True]
    acts = [(entry.act, entry.detail.get("place")) for entry in evidence.history("ledger")]
    assert acts == [("ledger.checkpoint", None), ("ledger.publish_failed", bad), ("ledger.publish", done[1].place)]
    with pytest.raises(InputError, match="cannot be written"):
        evidence.publish_checkpoint([bad], NOBODY)
    assert evidence.audit(collect(good)).faults == ()
