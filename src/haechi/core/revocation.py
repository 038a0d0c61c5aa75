"""What authorities say now of certificates: answers (OCSP) and lists (CRL) to be kept beside a signature.

Method: a certificate that names a service is asked about there, at each of the first addresses that it names, by GET:
OCSP as RFC 6960 appendix A.1 has it, then the lists of RFC 5280 4.2.1.13. The guarded client asks, so an address inside
one's own network gets no request. Whether an answer is signed by whom it must be is for whoever verifies the signature.
Limits: lists in LDAP, indirect and delta lists are not asked for.
"""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from haechi.core.errors import HaechiError, InputError
from haechi.core.fetch import Client

MOST_BYTES: Final = 10 << 20
MOST_SECONDS: Final = 20.0
MOST_ADDRESSES: Final = 3
"""Of each kind, per certificate: a certificate may name any number."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """What authorities said, DER each.

    Attributes:
        answers: OCSP responses.
        lists: CRLs.
        unanswered: subjects of certificates that name a service which gave nothing.
    """

    answers: tuple[bytes, ...] = ()
    lists: tuple[bytes, ...] = ()
    unanswered: tuple[str, ...] = ()


def names_service(certificate: x509.Certificate) -> bool:
    """Whether a certificate says where one learns of its revocation."""
    return bool(_ocsp_addresses(certificate) or _list_addresses(certificate))


def ask_revocation(certificates: Sequence[x509.Certificate], client: Client) -> Revocation:
    """Ask about every certificate that names a service and whose issuer is among these.

    Raises:
        InputError: one of them was revoked.
    """
    client = replace(
        client, any_kind=True, limits=replace(client.limits, max_bytes=MOST_BYTES, max_seconds=MOST_SECONDS)
    )
    answers, lists, unanswered = [], [], []
    for one in dict.fromkeys(certificates):
        if not names_service(one):
            continue
        issuer = next((other for other in certificates if other.subject == one.issuer and other != one), None)
        answer = next(_answers(one, issuer, client), None) if issuer is not None else None
        found = None if answer is not None else next(_lists(one, client), None)
        if answer is not None:
            answers.append(answer)
        elif found is not None:
            lists.append(found)
        else:
            unanswered.append(one.subject.rfc4514_string())
    return Revocation(tuple(answers), tuple(dict.fromkeys(lists)), tuple(unanswered))


def _answers(one: x509.Certificate, issuer: x509.Certificate, client: Client) -> Iterator[bytes]:
    # RFC 5019 2.1.1: the identifier that every responder knows is made with SHA-1; nothing rests on it.
    request = ocsp.OCSPRequestBuilder().add_certificate(one, issuer, hashes.SHA1()).build()  # noqa: S303
    asked = quote(base64.b64encode(request.public_bytes(serialization.Encoding.DER)), safe="")
    for address in _ocsp_addresses(one)[:MOST_ADDRESSES]:
        data = _fetched(f"{address.rstrip('/')}/{asked}", client)
        try:
            answer = ocsp.load_der_ocsp_response(data)
            said = answer.certificate_status
            if answer.serial_number != one.serial_number:
                continue
        except ValueError:
            continue  # no answer, or one that is no success
        if said is ocsp.OCSPCertStatus.REVOKED:
            raise InputError(f"the certificate of {one.subject.rfc4514_string()} was revoked; nothing was signed")
        if said is ocsp.OCSPCertStatus.GOOD:
            yield data


def _lists(one: x509.Certificate, client: Client) -> Iterator[bytes]:
    for address in _list_addresses(one)[:MOST_ADDRESSES]:
        data = _fetched(address, client)
        try:
            found = x509.load_der_x509_crl(data)
            if found.issuer != one.issuer:
                continue
            entry = found.get_revoked_certificate_by_serial_number(one.serial_number)
        except ValueError:
            continue
        if entry is not None:
            raise InputError(f"the certificate of {one.subject.rfc4514_string()} was revoked; nothing was signed")
        yield data


def _fetched(address: str, client: Client) -> bytes:
    """The body, or nothing: whatever keeps it away, the signature goes without it."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            last = client.fetch(address, Path(folder))[-1]
            return last.body.read_bytes() if last.status == 200 and not last.truncated else b""
        except HaechiError:
            return b""


def _ocsp_addresses(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    places = (one for one in found if one.access_method == AuthorityInformationAccessOID.OCSP)
    return [str(one.access_location.value) for one in places if _is_http(one.access_location)]


def _list_addresses(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [str(name.value) for point in found for name in point.full_name or () if _is_http(name)]


def _is_http(name: x509.GeneralName) -> bool:
    return isinstance(name, x509.UniformResourceIdentifier) and name.value.lower().startswith(("http://", "https://"))
