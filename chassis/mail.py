"""Mail, where LABELYARD_SMTP_URL names a server: one message a connection, in plain text with HTML beside it.

What is mailed is often a secret link: nothing of a message, and nothing that a server says about it, is logged or
raised.
"""

import smtplib
import ssl
from contextlib import suppress
from email.message import EmailMessage
from email.utils import format_datetime, localtime, make_msgid
from typing import Final
from urllib.parse import unquote, urlsplit

from chassis.settings import settings

PATIENCE: Final = 20.0
"""Seconds that each step with the server may take."""

PORTS: Final = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
"""The usual port of each kind of address: in clear, encrypted after a greeting in clear, encrypted from the start."""


class MailFailed(Exception):
    """A message was not sent, or it is not known whether it was; says why without a word of it."""


def configured() -> bool:
    """Whether this installation sends mail."""
    return settings().smtp_url is not None


def send(to: str, subject: str, text: str, html: str) -> None:
    """Send one message; MailFailed when the server does not take it. Some seconds may pass: not within a transaction.

    An address that can't be written to, or that would be more than one, is refused in the same way.
    """
    url = settings().smtp_url
    if url is None:
        raise MailFailed("LABELYARD_SMTP_URL is not set, and somebody is to be written to")
    message = _message(to, subject, text, html)
    try:
        with _server(url.get_secret_value()) as server:
            server.send_message(message, from_addr=_bare(settings().mail_from), to_addrs=[to])
    except smtplib.SMTPRecipientsRefused as error:
        codes = sorted({code for code, _ in error.recipients.values()})
        raise MailFailed(f"the server refuses the recipient ({', '.join(map(str, codes))})") from None
    except smtplib.SMTPResponseException as error:
        raise MailFailed(f"{type(error).__name__} {error.smtp_code}") from None
    except (smtplib.SMTPException, OSError, UnicodeError) as error:
        raise MailFailed(type(error).__name__) from None


def _message(to: str, subject: str, text: str, html: str) -> EmailMessage:
    message = EmailMessage()
    try:
        message["From"] = settings().mail_from
        message["To"] = to
        message["Subject"] = " ".join(subject.split())
        recipients = message["To"].addresses
    except (ValueError, IndexError):
        raise MailFailed("the address can't be written to") from None
    if [address.addr_spec for address in recipients] != [to] or not recipients[0].domain:
        raise MailFailed("the address can't be written to")
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = make_msgid(domain=_bare(settings().mail_from).rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office replies, please
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return message


class _server:
    """A connection to the server of an address, signed in where the address has a user; closed at the block's end."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)

    def __enter__(self) -> smtplib.SMTP:
        parts = self._parts
        host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
        if parts.scheme == "smtps":
            self._smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                host, port, timeout=PATIENCE, context=ssl.create_default_context()
            )
        else:
            self._smtp = smtplib.SMTP(host, port, timeout=PATIENCE)
        try:
            if parts.scheme == "smtp+starttls":
                self._smtp.starttls(context=ssl.create_default_context())
            if parts.username:
                self._smtp.login(unquote(parts.username), unquote(parts.password or ""))
        except BaseException:
            self._smtp.close()
            raise
        return self._smtp

    def __exit__(self, *_: object) -> None:
        # the server has taken the message, or not; how it says goodbye does not change that
        with suppress(smtplib.SMTPException, OSError):
            self._smtp.quit()
        self._smtp.close()


def _bare(address: str) -> str:
    """The address itself in `Name <address>`."""
    message = EmailMessage()
    message["From"] = address
    bare: str = message["From"].addresses[0].addr_spec
    return bare
