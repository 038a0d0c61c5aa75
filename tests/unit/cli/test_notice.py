from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Haechi = Callable[..., Any]


@pytest.fixture
def case(haechi: Haechi, tmp_path: Path) -> str:
    identity = str(json.loads(haechi("case", "new", "t", "--artist", "하늘", "--json").out)["id"])
    (tmp_path / "clip.mp4").write_bytes(b"x")
    where = ("--url", "https://youtu.be/1")
    assert haechi("exhibit", "add", tmp_path / "clip.mp4", "--case", identity, *where).code == 0
    return identity


def test_notice_from_draft_to_deadline(haechi: Haechi, case: str, tmp_path: Path) -> None:
    bare = json.loads(haechi("notice", "draft", "--case", case, "--law", "eu-dsa16", "--to", "YouTube", "--json").out)
    assert bare["missing"] == ["name", "email", "reasons", "facts", "parody"]
    assert haechi("notice", "sign", bare["id"], "--name", "A", "--role", "B").code == 2
    (tmp_path / "report.json").write_text(
        json.dumps({"verdict": "altered", "changes": [], "probe": {"sha256": "sha256:ab"}})
    )
    fields = ("--field", "name=Example", "--field", "email=a@example.org", "--field", "reasons=personality rights")
    more = ("--parody", "it deceives", "--report", tmp_path / "report.json", "--language", "ko")
    run = haechi("notice", "draft", "--case", case, "--law", "eu-dsa16", "--to", "YouTube", *fields, *more)
    assert run.code == 0, run.err
    notice = run.out.split()[0]
    assert "변조된 것으로 확인" in haechi("notice", "show", notice).out
    assert haechi("notice", "sent", notice).code == 2
    assert haechi("notice", "sign", notice, "--name", "김", "--role", "변호사").code == 0
    assert "due 20" in haechi("notice", "sent", notice, "--channel", "form").out
    assert haechi("notice", "answer", notice, "nonsense").code == 2
    lines = haechi("deadlines", "--ics", tmp_path / "d.ics").lines
    assert notice in lines[0]
    assert (tmp_path / "d.ics").read_bytes().startswith(b"BEGIN:VCALENDAR\r\n")
    assert json.loads(haechi("deadlines", "--json").lines[0])["law"] == "eu-dsa16"
    assert haechi("notice", "answer", notice, "removed", "--text", "done").code == 0
    assert "removed" in haechi("notice", "list", "--case", case).out
    assert len(haechi("notice", "list", "--json").lines) == 2
    assert notice in haechi("case", "show", case).out


def test_wrong_arguments_are_one_line(haechi: Haechi, case: str, tmp_path: Path) -> None:
    start = ("notice", "draft", "--case", case, "--to", "X", "--law")
    for more in (
        ["us-nofakes"],
        ["eu-dsa16", "--field", "name"],
        ["eu-dsa16", "--report", tmp_path / "absent"],
        ["eu-dsa16", "--language", "fr"],
    ):
        run = haechi(*start, *more)
        assert (run.code, len(run.err.splitlines())) == (2, 1), run.err


def test_signature_inside_the_pdf(haechi: Haechi, case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyhanko")
    from haechi.core.provenance.certificates import make_root, make_signer

    root = make_root("Example")
    certificate, key = make_signer("Example", root)
    for name, data in (("chain.pem", certificate + root.certificate), ("key.pem", key)):
        (tmp_path / name).write_bytes(data)
        (tmp_path / name).chmod(0o600)
    fields = [f"--field={name}=text" for name in ("name", "email", "reasons", "facts")]
    law = ("--law", "eu-dsa16", "--to", "YouTube", "--parody", "it deceives")
    notice = json.loads(haechi("notice", "draft", "--case", case, *law, *fields, "--json").out)["id"]
    assert haechi("notice", "pdf", notice, "-o", tmp_path / "draft.pdf").code == 0
    assert b"ETSI.CAdES.detached" not in (tmp_path / "draft.pdf").read_bytes()
    monkeypatch.setenv("HAECHI_NOTICE_KEY", f"file:{tmp_path / 'key.pem'}")
    assert haechi("notice", "sign", notice, "--name", "J. Kim", "--role", "counsel").code == 2, "no certificates"
    run = haechi("notice", "sign", notice, "--name", "J. Kim", "--role", "counsel", "--chain", tmp_path / "chain.pem")
    assert run.code == 0, run.err
    told = json.loads(haechi("notice", "pdf", notice, "-o", tmp_path / "signed.pdf", "--json").out)
    assert told["level"] == "B-LTA"
    assert b"ETSI.CAdES.detached" in (tmp_path / "signed.pdf").read_bytes()
    assert haechi("notice", "pdf", notice, "-o", tmp_path / "signed.pdf").code == 2, "nothing is written over"
