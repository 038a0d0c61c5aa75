"""A second place that speaks S3: Amazon's, or any other by `endpoint=URL`.

`s3://BUCKET/PREFIX/` takes and gives everything below a prefix, `s3://BUCKET/KEY.json` one object. Credentials come the
way that boto3 looks for them (`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, a profile, the machine's role), never
from the URI.
Invariants: an object is put only where none is (`If-None-Match: *`). A bucket with object lock keeps it even from its
owner; that is for whoever runs the bucket to choose.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from haechi.core.errors import InputError, IntegrityError, RemoteError
from haechi.core.places.terms import MOST_BYTES, MOST_FILES

_WAIT_S: Final = 20
_TRIES: Final = 3
_EXAMPLE: Final = "e.g. s3://bucket/haechi/?endpoint=https://s3.example.org"


@dataclass(frozen=True, slots=True)
class _Place:
    bucket: str
    key: str
    client: Any

    def address(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"


def put(rest: str, name: str, data: bytes) -> str:
    """Put a file below a prefix, or under exactly the key that the place names; gives its address.

    Raises:
        InputError: the place cannot be used as named, or boto3 is not here.
        IntegrityError: something else stands there.
        RemoteError: it cannot be reached, or refuses.
    """
    place = _place(rest)
    key = place.key if place.key.endswith(".json") else f"{place.key.rstrip('/')}/{name}".lstrip("/")
    with _failures(place):
        try:
            place.client.put_object(
                Bucket=place.bucket, Key=key, Body=data, ContentType="application/json", IfNoneMatch="*"
            )
        except place.client.exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (409, 412):
                raise
            if _object(place, key) != data:
                raise IntegrityError(f"{place.address(key)} holds something else; nothing was written over") from error
    return place.address(key)


def get(rest: str) -> list[bytes]:
    """The one object, or all checkpoints below a prefix, by name.

    Raises:
        InputError: nothing is there, or far too much.
        RemoteError: it cannot be reached, or refuses.
    """
    place = _place(rest)
    with _failures(place):
        if place.key.endswith(".json"):
            return [_object(place, place.key)]
        pages = place.client.get_paginator("list_objects_v2").paginate(Bucket=place.bucket, Prefix=place.key)
        keys: list[str] = []
        for page in pages:
            listed = (str(one["Key"]) for one in page.get("Contents", ()))
            keys += [key for key in listed if key.rpartition("/")[2].startswith("checkpoint-")]
            if len(keys) > MOST_FILES:
                raise InputError(f"{place.address(place.key)} holds too many checkpoints; name a narrower prefix")
        if not keys:
            raise InputError(f"{place.address(place.key)} holds no checkpoints")
        return [_object(place, key) for key in sorted(keys)]


def _object(place: _Place, key: str) -> bytes:
    return bytes(place.client.get_object(Bucket=place.bucket, Key=key)["Body"].read(MOST_BYTES))


def _place(rest: str) -> _Place:
    try:
        import boto3
        from botocore.config import Config
    except ImportError as error:
        raise InputError("s3: needs boto3; install haechi[s3]") from error

    try:
        split = urlsplit(f"s3:{rest}")
        asked = parse_qs(split.query, strict_parsing=bool(split.query))
    except ValueError as error:
        raise InputError(f"s3:{rest} cannot be read as an address; {_EXAMPLE}") from error
    unknown = set(asked) - {"endpoint", "region"}
    if not split.netloc or unknown or "@" in split.netloc:
        raise InputError(f"s3:{rest} cannot be used; {_EXAMPLE}; credentials come from the environment")
    endpoint = asked.get("endpoint", [None])[0]
    settings = Config(
        connect_timeout=_WAIT_S,
        read_timeout=_WAIT_S,
        retries={"max_attempts": _TRIES, "mode": "standard"},
        s3={"addressing_style": "path" if endpoint else "auto"},
        request_checksum_calculation="when_required",  # stores of others do not know Amazon's newer checksums
        response_checksum_validation="when_required",
    )
    region = asked.get("region", ["us-east-1" if endpoint else None])[0]
    try:
        client = boto3.client("s3", endpoint_url=endpoint, region_name=region, config=settings)
    except ValueError as error:
        raise InputError(f"s3:{rest}: {error}; {_EXAMPLE}") from error
    return _Place(split.netloc, split.path.lstrip("/"), client)


@contextmanager
def _failures(place: _Place) -> Iterator[None]:
    """Turn what boto3 raises into a `RemoteError` that says what to do.

    Raises:
        RemoteError: for any error of boto3 inside the block.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        status = int(error.response["ResponseMetadata"]["HTTPStatusCode"])
        told = error.response.get("Error", {})
        reason = f"{told.get('Code', status)}: {told.get('Message', '')}".rstrip(": ")
        raise RemoteError(f"{place.address(place.key)} refuses ({reason})", permanent=400 <= status < 500) from error
    except BotoCoreError as error:
        raise RemoteError(f"{place.address(place.key)} cannot be used: {error}", permanent=False) from error
