"""The JSON contract `haechi.report/1`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jsonschema
import numpy as np
import pytest

from haechi.check.report import report_json, report_schema
from haechi.core.records import Box, Change, Finding, Region, Report, Span, Verdict

VALIDATOR = jsonschema.Draft202012Validator(report_schema())


def test_schema_is_a_valid_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(report_schema())


def test_every_sample_fits_the_schema(report: Report) -> None:
    VALIDATOR.validate(json.loads(json.dumps(report_json(report), allow_nan=False)))


def test_every_verdict_has_a_sample(reports: Mapping[str, Report]) -> None:
    assert {report.verdict for report in reports.values()} == set(Verdict)


def test_keys_stand_in_the_order_of_the_contract(reports: Mapping[str, Report]) -> None:
    assert list(report_json(reports["altered"])) == [
        "schema", "probe", "verdict", "decided_by", "llr_log10", "artists", "release", "other_releases", "changes",
        "edits", "findings", "abstentions", "would_change", "software",
    ]  # fmt: skip


def test_the_contract_of_one_altered_clip(reports: Mapping[str, Report]) -> None:
    got = report_json(reports["altered"])
    assert got["schema"] == "haechi.report/1"
    assert got["verdict"] == "altered"
    assert got["artists"] == [{"name": "하늘 Haneul", "score": 0.97, "start_s": 0.0, "end_s": 9.8}]
    release = {key: got["release"][key] for key in ("id", "title", "offset_s", "speed", "mirrored")}
    assert release == {"id": "rel_7f3a", "title": "별빛 무대 2026", "offset_s": 43.2, "speed": 1.05, "mirrored": False}
    mouth = got["changes"][0]
    assert (mouth["kind"], mouth["start_s"], mouth["end_s"], mouth["box"]) == ("mouth", 3.1, 7.0, [290, 202, 60, 34])


def test_compare_has_no_release_id(reports: Mapping[str, Report]) -> None:
    assert report_json(reports["compare"])["release"]["id"] is None


def test_numbers_that_could_not_be_measured_are_null(reports: Mapping[str, Report]) -> None:
    change = Change(Region.FACE, Span(0.0, math.inf), Box(0, 0, 4, 4), math.nan, {"peak": -math.inf})
    report = replace(reports["altered"], changes=(change,), llr_log10=math.inf)
    got = report_json(report)
    json.dumps(got, allow_nan=False)
    VALIDATOR.validate(got)
    assert got["llr_log10"] is None
    assert got["changes"][0]["strength"] is None
    assert got["changes"][0]["detail"] == {"peak": None}


def test_numpy_values_and_odd_types_become_json(reports: Mapping[str, Report]) -> None:
    data: dict[str, Any] = {
        "z": np.float32(1.5),
        "a": np.int64(3),
        "list": (np.float64(0.1), True),
        "odd": {1: Span(0, 1)},
    }
    finding = Finding("comparison", 1, 3, "", "comparison.changed", np.float64(2.5), data=data)
    got = report_json(replace(reports["altered"], findings=(finding,)))
    assert list(got["findings"][0]["data"]) == ["a", "list", "odd", "z"]
    assert got["findings"][0]["data"]["list"] == [0.1, True]
    json.dumps(got, allow_nan=False)


def test_a_path_that_is_not_utf8_becomes_valid_text(reports: Mapping[str, Report]) -> None:
    report = reports["not_ours"]
    got = report_json(replace(report, probe=replace(report.probe, path="bad\udc80name.mp4")))
    assert got["probe"]["path"] == r"bad\udc80name.mp4"
    json.dumps(got, ensure_ascii=False).encode("utf-8")


def test_the_same_report_gives_the_same_bytes(report: Report) -> None:
    assert json.dumps(report_json(report)) == json.dumps(report_json(report))


@pytest.mark.parametrize("where", ["", "probe", "release"])
def test_schema_refuses_what_the_contract_does_not_name(reports: Mapping[str, Report], where: str) -> None:
    got = report_json(reports["altered"])
    (got[where] if where else got)["surprise"] = 1
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(got)
