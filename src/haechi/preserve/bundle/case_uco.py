"""The case for the tools of others: JSON-LD in the words of CASE 1.5 and UCO (caseontology.org).

An exhibit is a `ProvenanceRecord` with its number, over `File`s with their hashes and the URL where it was found.
Taking it in is an `InvestigativeAction` with performer, instrument (this tool, its version) and times; each further act
that the ledger has of the case is one too, informed by the act before it on the same thing. Names of files are paths in
the bundle.
Invariants: it says nothing that the bundle's records do not say, and no account of a poster; ids are always the same.
Limits: CASE has no words for a ledger's proofs, time stamps and lanes; those stay in the bundle's own files.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from haechi.core.evidence import Exhibit, Holding, Part
from haechi.core.ledger import Entry
from haechi.core.ledger.entries import canonical, digest_of
from haechi.preserve.bundle.report import Told

NAME: Final = "case-uco.jsonld"
_UCO: Final = "https://ontology.unifiedcyberontology.org/uco"
_CONTEXT: Final = {
    "investigation": "https://ontology.caseontology.org/case/investigation/",
    **{name: f"{_UCO}/{name}/" for name in ("action", "core", "identity", "observable", "tool", "types")},
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_TAKEN_IN: Final = "exhibit.add"

Node = dict[str, Any]


def case_uco(told: Told) -> bytes:
    """The whole graph, canonical JSON."""
    graph = _Graph(told)
    return canonical({"@context": _CONTEXT, "@graph": list(graph.nodes())})


class _Graph:
    def __init__(self, told: Told) -> None:
        self._told = told
        self._exhibits = {one.id: one for one in told.exhibits}

    def nodes(self) -> Iterator[Node]:
        case = self._told.case
        held = [self._ref("provenance", one.id) for one in self._told.exhibits]
        acts = [self._ref("act", str(entry.seq)) for entry in self._told.custody]
        yield {
            **self._node("investigation", case.id, "investigation:Investigation"),
            "core:name": case.title,
            "core:startTime": _time(case.opened_at),
            "investigation:investigationForm": "case",
            "investigation:investigationStatus": case.state.value,
            **_some("core:object", [*held, *acts]),
        }
        for name in sorted({entry.actor for entry in self._told.custody}):
            yield {**self._node("identity", name, "identity:Identity"), "core:name": name}
        for tool, version in sorted({_tool(one) for one in self._told.exhibits}):
            yield {
                **self._node("tool", f"{tool} {version}", "tool:Tool"),
                "core:name": tool,
                "tool:version": version,
            }
        for exhibit in self._told.exhibits:
            yield from self._exhibit(exhibit)
        yield from self._acts(self._told.custody)

    def _exhibit(self, exhibit: Exhibit) -> Iterator[Node]:
        holding = self._told.holdings.get(exhibit.id)
        yield {
            **self._node("provenance", exhibit.id, "investigation:ProvenanceRecord"),
            "core:description": f"taken in by {exhibit.method}; lane {exhibit.lane.value}",
            "core:objectCreatedTime": _time(exhibit.added_at),
            "investigation:exhibitNumber": exhibit.id,
            "core:object": self._things(exhibit),
        }
        body = canonical(exhibit.to_fields())
        record = Part("exhibit.json", "record", "application/json", len(body), digest_of(body))
        yield self._file(exhibit, record, f"exhibits/{exhibit.id}/exhibit.json", None)
        for part in exhibit.parts:
            yield self._file(exhibit, part, f"exhibits/{exhibit.id}/parts/{part.name}", holding)
        if exhibit.url:
            yield {
                **self._node("url", exhibit.id, "observable:URL"),
                "core:hasFacet": [
                    {
                        **self._node("urlfacet", exhibit.id, "observable:URLFacet"),
                        "observable:fullValue": exhibit.url,
                    }
                ],
            }

    def _things(self, exhibit: Exhibit) -> list[Node]:
        files = [self._ref("file", f"{exhibit.id}/{name}") for name in ("exhibit.json", *_names(exhibit))]
        return [*files, *([self._ref("url", exhibit.id)] if exhibit.url else [])]

    def _file(self, exhibit: Exhibit, part: Part, path: str, holding: Holding | None) -> Node:
        key = f"{exhibit.id}/{part.name}"
        place = holding.places.get(part.name) if holding is not None else None
        gone = place is not None and place.destroyed
        sealed = place is not None and place.sealed
        content: Node = {
            **self._node("content", key, "observable:ContentDataFacet"),
            "observable:mimeType": part.media_type,
            "observable:sizeInBytes": _number(part.size),
            "observable:hash": [self._hash(key, part.sha256)],
        }
        if sealed:
            content["observable:isEncrypted"] = True
        name: Node = {
            **self._node("filefacet", key, "observable:FileFacet"),
            "observable:fileName": part.name,
            "observable:filePath": path,
            "observable:isDirectory": False,
            "observable:sizeInBytes": _number(part.size),
        }
        told = "destroyed; its record stays" if gone else "sealed to key holders; not in the bundle" if sealed else ""
        return {
            **self._node("file", key, "observable:File"),
            **({"core:description": told} if told else {}),
            "core:hasFacet": [name, content],
        }

    def _hash(self, key: str, digest: str) -> Node:
        return {
            **self._node("hash", key, "types:Hash"),
            "types:hashMethod": "SHA256",
            "types:hashValue": {"@type": "xsd:hexBinary", "@value": digest.removeprefix("sha256:")},
        }

    def _acts(self, custody: Sequence[Entry]) -> Iterator[Node]:
        """Each act, informed by the one before it on the same thing."""
        before: dict[str, int] = {}
        for entry in custody:
            act: Node = {
                **self._node("act", str(entry.seq), "investigation:InvestigativeAction"),
                "core:name": f"{entry.act} {entry.subject}",
                "action:startTime": _time(entry.at),
                "action:endTime": _time(entry.at),
                "action:performer": self._ref("identity", entry.actor),
            }
            if entry.why:
                act["core:description"] = entry.why
            if entry.subject in before:
                act["investigation:wasInformedBy"] = [self._ref("act", str(before[entry.subject]))]
            exhibit = self._exhibits.get(entry.subject)
            if exhibit is not None and entry.act == _TAKEN_IN:
                act |= self._taking_in(exhibit)
            elif exhibit is not None:
                act["action:object"] = [self._ref("provenance", exhibit.id)]
            before[entry.subject] = entry.seq
            yield act

    def _taking_in(self, exhibit: Exhibit) -> Node:
        tool, version = _tool(exhibit)
        facts = exhibit.facts  # a capture's own times are narrower than the entry's
        times = {
            name: _time(str(facts[fact]))
            for name, fact in (("action:startTime", "started_at"), ("action:endTime", "ended_at"))
            if fact in facts
        }
        return {
            **times,
            "action:instrument": [self._ref("tool", f"{tool} {version}")],
            **_some("action:object", [self._ref("url", exhibit.id)] if exhibit.url else []),
            "action:result": [self._ref("provenance", exhibit.id), *self._things(exhibit)[: 1 + len(exhibit.parts)]],
        }

    def _node(self, kind: str, key: str, type_: str) -> Node:
        return {**self._ref(kind, key), "@type": type_}

    def _ref(self, kind: str, key: str) -> Node:
        name = json.dumps([self._told.checkpoint.ledger, kind, key])
        return {"@id": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}"}


def _names(exhibit: Exhibit) -> list[str]:
    return [part.name for part in exhibit.parts]


def _tool(exhibit: Exhibit) -> tuple[str, str]:
    facts: Mapping[str, Any] = exhibit.facts
    return str(facts.get("tool", "haechi")), str(facts.get("version", ""))


def _time(moment: str) -> Node:
    return {"@type": "xsd:dateTime", "@value": moment}


def _number(value: int) -> Node:
    return {"@type": "xsd:integer", "@value": str(value)}


def _some(name: str, values: list[Node]) -> Node:
    return {name: values} if values else {}
