"""A picture whose content credentials lie on a server."""

from __future__ import annotations


def naming(plain_jpeg: bytes, url: str) -> bytes:
    """The JPEG with XMP that says that its credentials lie at an address."""
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="{url}"/>'
        "</rdf:RDF></x:xmpmeta>"
    ).encode()
    body = b"http://ns.adobe.com/xap/1.0/\x00" + xmp
    return plain_jpeg[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + plain_jpeg[2:]
