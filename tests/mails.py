"""A mail server of one's own (aiosmtpd): what is sent to it is there to be read."""

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


@dataclass
class MailServer:
    """The mails that came, by whom they are for. `refuse` is what it answers to every message while it is set."""

    port: int
    refuse: str | None = None
    _mails: list[tuple[str, EmailMessage]] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        """Its address for LABELYARD_SMTP_URL; its user is `yard`, with the password `p@ss`."""
        return f"smtp://yard:p%40ss@127.0.0.1:{self.port}"

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:
        """aiosmtpd's hook for a message that has come."""
        if self.refuse is not None:
            return self.refuse
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        with self._changed:
            self._mails += [(to, message) for to in envelope.rcpt_tos]
            self._changed.notify_all()
        return "250 OK"

    def mails_to(self, address: str, count: int = 1, patience: float = 30.0) -> list[EmailMessage]:
        """The mails to `address` as soon as there are `count`."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._to(address)) >= count, patience), self._mails
            return self._to(address)

    def link_to(self, address: str, count: int = 1) -> str:
        """The link in the newest mail to `address`, as its text has it."""
        mail = self.mails_to(address, count)[-1]
        found = re.search(r"https?://\S+", text_of(mail))
        assert found is not None
        return found[0]

    def _to(self, address: str) -> list[EmailMessage]:
        return [mail for to, mail in self._mails if to == address]


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    """The plain text of a mail, or its HTML."""
    part = mail.get_body((kind,))
    assert part is not None
    text: str = part.get_content()
    return text


@contextmanager
def mail_server(tls: ssl.SSLContext | None = None, *, at_once: bool = False) -> Iterator[MailServer]:
    """A mail server while the block runs; with `tls` it offers STARTTLS, or speaks TLS `at_once`."""

    def authenticate(*arguments: Any) -> AuthResult:
        data = arguments[-1]
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"yard", b"p@ss")
        return AuthResult(success=good, handled=False)

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        server = MailServer(port=probe.getsockname()[1])
    controller = Controller(
        server,
        hostname="127.0.0.1",
        port=server.port,
        ssl_context=tls if at_once else None,
        tls_context=None if at_once else tls,
        require_starttls=tls is not None and not at_once,
        authenticator=authenticate,
        auth_required=True,
        auth_require_tls=False,
    )
    controller.start()
    try:
        yield server
    finally:
        controller.stop()
