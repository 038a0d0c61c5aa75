"""A checkpoint by e-mail, e.g. to counsel: whoever has the mail can show later what the ledger was on that day.

Always over TLS with a certificate that this machine believes (`SSL_CERT_FILE` names further roots): `smtps://` from the
first byte, `smtp://` after STARTTLS (RFC 3207); a server without either gets nothing, no password least of all.
"""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from typing import Final
from urllib.parse import unquote, urlsplit

from haechi.core.errors import InputError, RemoteError
from haechi.core.ledger import Checkpoint
from haechi.core.places.terms import MailServer

_WAIT_S: Final = 30.0
_PORTS: Final = {"smtps": 465, "smtp": 587}
_TEXT: Final = """\
[한국어] 해치(Haechi) 장부의 서명된 검사점입니다. 첨부 파일을 그대로 보관해 주십시오.
나중에 장부가 그때와 같은지 확인하는 방법: haechi ledger verify --against {name}

[English] A signed checkpoint of a Haechi ledger. Please keep the attachment as it is.
To see later that the ledger is still the one of that day: haechi ledger verify --against {name}

ledger   {ledger}
entries  {size}
root     {root}
signed   {at}
key      {key}
"""


def send(address: str, name: str, data: bytes, checkpoint: Checkpoint, server: MailServer) -> str:
    """Mail a checkpoint; gives the address and the id of the message.

    Raises:
        InputError: no server or sender is named, or an address cannot be used.
        RemoteError: the server cannot be reached, offers no TLS, or refuses.
    """
    recipient = _address(unquote(address.partition("?")[0]), "mailto:")
    sender = _address(server.sender, "HAECHI_SMTP_FROM=")
    message = EmailMessage()
    message["Subject"] = f"Haechi: checkpoint {checkpoint.ledger}, {checkpoint.size}"
    message["From"], message["To"], message["Date"] = sender, recipient, formatdate()
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    about = {"ledger": checkpoint.ledger, "size": checkpoint.size, "root": checkpoint.root, "at": checkpoint.at}
    message.set_content(_TEXT.format(name=name, key=checkpoint.key, **about))
    message.add_attachment(data, maintype="application", subtype="json", filename=name)
    try:
        with _connected(server) as connection:
            if server.user:
                connection.login(server.user, server.password)
            connection.send_message(message)
    except smtplib.SMTPException as error:
        told = getattr(error, "smtp_error", b"") or str(error)
        reason = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
        permanent = 500 <= getattr(error, "smtp_code", 500) < 600
        raise RemoteError(f"{server.uri} did not take the mail: {reason}", permanent=permanent) from error
    except OSError as error:
        raise RemoteError(f"{server.uri} cannot be reached safely: {error}", permanent=False) from error
    return f"mailto:{recipient} {message['Message-ID']}"


def _connected(server: MailServer) -> smtplib.SMTP:
    try:
        split = urlsplit(server.uri)
        port = split.port or _PORTS.get(split.scheme, 0)
    except ValueError:
        split, port = urlsplit(""), 0
    if split.scheme not in _PORTS or not split.hostname or split.username or split.path.strip("/"):
        raise InputError(
            "name the mail server, e.g. HAECHI_SMTP=smtps://mail.example.org or smtp://mail.example.org:587"
        )
    trust = ssl.create_default_context()
    if split.scheme == "smtps":
        return smtplib.SMTP_SSL(split.hostname, port, timeout=_WAIT_S, context=trust)
    connection = smtplib.SMTP(split.hostname, port, timeout=_WAIT_S)
    try:
        connection.starttls(context=trust)
    except BaseException:
        connection.close()
        raise
    return connection


def _address(text: str, where: str) -> str:
    found = parseaddr(text)[1]
    local, _, domain = found.rpartition("@")
    if not local or not domain or found != text or any(char in text for char in " ,;\r\n\t<>"):
        raise InputError(f"{where}{text!r} is no e-mail address; give one such as counsel@example.org")
    return found
