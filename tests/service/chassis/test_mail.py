"""Mails travel to a real server, in clear and encrypted; what it refuses is told without a word of the mail."""

import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chassis import mail
from chassis.mail import MailFailed
from chassis.settings import settings
from tests.mails import mail_server, text_of

TO = "new.person@example.com"
SECRET = "https://yard.example/invitation#s3cret-of-the-link"


@pytest.fixture
def set_to(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Sets the address of the server, and whom mails come from."""

    def use(url: str, sender: str = "The Yard <yard@example.com>") -> None:
        monkeypatch.setenv("LABELYARD_SMTP_URL", url)
        monkeypatch.setenv("LABELYARD_MAIL_FROM", sender)
        settings.cache_clear()

    yield use
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and a certificate for 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(hours=1))
        .not_valid_after(datetime.now(UTC) + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "mail.pem"
    as_pem = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file.write_bytes(key.private_bytes(as_pem, *plain) + made.public_bytes(as_pem))
    return file


def test_a_mail_arrives_in_plain_text_and_html(set_to: Callable[..., None]) -> None:
    with mail_server() as server:
        set_to(server.url)
        mail.send(TO, "Join\nus – «today»", f"Hello, {SECRET}\n", f"<p>Hello, <a href='{SECRET}'>you</a></p>")
        [arrived] = server.mails_to(TO)
    assert arrived["Subject"] == "Join us – «today»"
    assert (arrived["From"], arrived["To"]) == ("The Yard <yard@example.com>", TO)
    assert arrived["Message-ID"].endswith("@example.com>")
    assert SECRET in text_of(arrived) and SECRET in text_of(arrived, "html")


@pytest.mark.parametrize(("scheme", "at_once"), [("smtp+starttls", False), ("smtps", True)])
def test_a_mail_travels_encrypted_to_a_server_that_is_trusted(
    set_to: Callable[..., None], certificate: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, at_once: bool
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with mail_server(context, at_once=at_once) as server:
        set_to(server.url.replace("smtp://", f"{scheme}://"))
        with pytest.raises(MailFailed, match="SSLCertVerificationError"):
            mail.send(TO, "Join us", SECRET, SECRET)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        mail.send(TO, "Join us", SECRET, SECRET)
        assert len(server.mails_to(TO)) == 1


def test_what_a_server_refuses_is_told_without_the_mail(set_to: Callable[..., None]) -> None:
    with mail_server() as server:
        set_to(server.url)
        server.refuse = f"554 no links like {SECRET} here"
        with pytest.raises(MailFailed) as refused:
            mail.send(TO, "Join us", SECRET, SECRET)
        assert str(refused.value) == "SMTPDataError 554"
        assert refused.value.__cause__ is None and refused.value.__suppress_context__
        set_to(server.url.replace("p%40ss", "wrong"))
        with pytest.raises(MailFailed, match="SMTPAuthenticationError 535"):
            mail.send(TO, "Join us", SECRET, SECRET)
    with pytest.raises(MailFailed, match="ConnectionRefusedError"):
        mail.send(TO, "Join us", SECRET, SECRET)


@pytest.mark.parametrize(
    "to", ["a@example.com, b@example.com", "a@example.com\nBcc: b@example.com", "nobody", "a@", ""]
)
def test_an_address_that_is_none_or_more_than_one_is_refused(set_to: Callable[..., None], to: str) -> None:
    with mail_server() as server:
        set_to(server.url)
        with pytest.raises(MailFailed):
            mail.send(to, "Join us", SECRET, SECRET)


@pytest.mark.parametrize("url", ["http://mail", "smtp://", "mail.example.com", "smtp+tls://mail"])
def test_an_address_of_a_server_that_is_none_ends_the_process(set_to: Callable[..., None], url: str) -> None:
    set_to(url)
    with pytest.raises(SystemExit, match="LABELYARD_SMTP_URL"):
        settings()


def test_without_a_server_no_mail_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABELYARD_SMTP_URL", raising=False)
    settings.cache_clear()
    assert not mail.configured()
    with pytest.raises(MailFailed, match="LABELYARD_SMTP_URL is not set"):
        mail.send(TO, "Join us", SECRET, SECRET)
