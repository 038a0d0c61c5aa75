"""The case in CASE/UCO: what the standard's own validator takes, and what a reader of the graph finds in it."""

from __future__ import annotations

import json
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accounts import DESK, LEGAL
from haechi.core.evidence import Exhibit, Lane
from haechi.core.people import alone
from haechi.core.settings import Limits, Settings
from haechi.core.store.evidence import Evidence
from haechi.preserve.bundle.examine import examine_bundle
from haechi.preserve.bundle.write import write_bundle
from haechi.preserve.custody import Intent, add_address, add_file
from haechi.preserve.facts import Found
from haechi.preserve.look import open_part
from haechi.preserve.seal import destroy, name_holders
from haechi.workflows.lanes import move_to_lane
from tools import needs, tool


@pytest.fixture
def graph(
    evidence: Evidence, ordinary: Exhibit, consent: Callable[[Callable[[], object]], None], clip: Path, tmp_path: Path
) -> Path:
    """The file of a case with an open exhibit, an address alone, and one that was destroyed."""
    add_address(evidence, DESK, ordinary.parent, Intent(Found("https://x.com/1", account="poster"), "report"), [])
    gone = add_file(evidence, DESK, ordinary.parent, clip, Intent(Found(), "file"), ["local:"], Limits())
    consent(lambda: destroy(evidence, LEGAL, gone.id, "request of the subject"))
    destroy(evidence, LEGAL, gone.id, "request of the subject")
    open_part(evidence, LEGAL, ordinary.id, "original.mp4", tmp_path / "look.mp4", "to compare")
    bundle = write_bundle(evidence, alone(), ordinary.parent, tmp_path / "case.zip", fonts=Settings().models)
    assert examine_bundle(bundle.path).faults == ()
    return _unpacked(bundle.path, tmp_path)


def _unpacked(bundle: Path, folder: Path) -> Path:
    with zipfile.ZipFile(bundle) as archive:
        assert b"case-uco.jsonld" in archive.read("sha256sums")
        return Path(archive.extract("case-uco.jsonld", folder / "out"))


def nodes(path: Path, kind: str) -> list[dict[str, Any]]:
    return [one for one in json.loads(path.read_bytes())["@graph"] if one["@type"] == kind]


@needs("case_validate")
@pytest.mark.parametrize("damage", [None, "types:hashValue", "investigation:exhibitNumber", "action:performer"])
def test_validator_of_the_standard_takes_it(graph: Path, damage: str | None) -> None:
    if damage is not None:
        graph.write_text(_damaged(json.loads(graph.read_bytes()), damage))
    command = [str(tool("case_validate")), "--built-version", "case-1.5.0", str(graph)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert ("Conforms: True" in done.stdout) == (done.returncode == 0) == (damage is None), done.stdout + done.stderr


def _damaged(value: Any, name: str) -> str:
    """Give every property of that name a value that the standard does not allow."""

    def walk(one: Any) -> Any:
        if isinstance(one, list):
            return [walk(item) for item in one]
        if isinstance(one, dict):
            return {key: 17 if key == name else walk(item) for key, item in one.items()}
        return one

    return json.dumps(walk(value))


def test_graph_tells_what_the_records_tell(graph: Path, ordinary: Exhibit) -> None:
    (case,) = nodes(graph, "investigation:Investigation")
    assert case["core:name"] == "Faked interview"
    records = {one["investigation:exhibitNumber"]: one for one in nodes(graph, "investigation:ProvenanceRecord")}
    assert len(records) == 3
    files = {one["@id"]: one for one in nodes(graph, "observable:File")}
    parts = [files[ref["@id"]] for ref in records[ordinary.id]["core:object"] if ref["@id"] in files]
    hashes = [_facet(one, "observable:hash")[0]["types:hashValue"]["@value"] for one in parts]
    assert ordinary.parts[0].sha256 == f"sha256:{hashes[1]}"
    assert _facet(parts[1], "observable:filePath") == f"exhibits/{ordinary.id}/parts/original.mp4"
    assert [one.get("core:description") for one in files.values()].count("destroyed; its record stays") == 1
    acts = nodes(graph, "investigation:InvestigativeAction")
    taken = next(one for one in acts if one["core:name"] == f"exhibit.add {ordinary.id}")
    assert {"@id": records[ordinary.id]["@id"]} in taken["action:result"]
    assert taken["action:startTime"]["@value"].endswith("+00:00")
    people = {one["@id"]: one["core:name"] for one in nodes(graph, "identity:Identity")}
    assert people[taken["action:performer"]["@id"]] == "legal"
    (tool,) = nodes(graph, "tool:Tool")
    assert taken["action:instrument"] == [{"@id": tool["@id"]}]
    look = next(one for one in acts if one["core:name"] == f"exhibit.open {ordinary.id}")
    assert (look["core:description"], look["action:object"]) == ("to compare", [{"@id": records[ordinary.id]["@id"]}])
    assert "poster" not in graph.read_text(), "accounts of posters stay in the records"
    known = {one["@id"] for one in json.loads(graph.read_bytes())["@graph"]}
    told = {ref["@id"] for one in acts for ref in one.get("investigation:wasInformedBy", [])}
    assert told
    assert told <= known


def _facet(node: dict[str, Any], name: str) -> Any:
    return next(facet[name] for facet in node["core:hasFacet"] if name in facet)


def test_sexual_media_is_named_by_its_hash_alone(
    evidence: Evidence, ordinary: Exhibit, consent: Callable[[Callable[[], object]], None], tmp_path: Path
) -> None:
    from accounts import ADMIN

    name_holders(evidence, ADMIN, ["a", "b", "c"], tmp_path / "shares")
    move_to_lane(evidence, LEGAL, ordinary.parent, Lane.SEXUAL, "intimate")
    consent(
        lambda: write_bundle(
            evidence, LEGAL, ordinary.parent, tmp_path / "case.zip", "counsel", fonts=Settings().models
        )
    )
    bundle = write_bundle(evidence, LEGAL, ordinary.parent, tmp_path / "case.zip", "counsel", fonts=Settings().models)
    sealed = [one for one in nodes(_unpacked(bundle.path, tmp_path), "observable:File") if "core:description" in one]
    assert [one["core:description"] for one in sealed] == ["sealed to key holders; not in the bundle"]
