"""TLS and SASL: one value made from the settings, and what each Kafka client takes of it.

Faust's consumers and producers (and the producers made from its settings), aiokafka's own and
kafka-python's clients are all given the same TLS context and the same credentials.
"""

import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from models.errors import SettingsError
from streams.settings import Settings

if TYPE_CHECKING:  # both take their time to import
    from faust.types.auth import CredentialsT

    from streams.kafka.oauth import TokenSource

_PEM: Final = "-----BEGIN"


@dataclass(frozen=True, slots=True)
class Security:
    """How the brokers are spoken to.

    Attributes:
        protocol: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.
        mechanism: Of SASL; None without it.
        username: Who we are to PLAIN and SCRAM.
        password: Its password.
        context: Of TLS; None without it.
        tokens: Where OAUTHBEARER gets its tokens; None without it.
    """

    protocol: str = "PLAINTEXT"
    mechanism: str | None = None
    username: str | None = None
    password: SecretStr | None = None
    context: ssl.SSLContext | None = None
    tokens: "TokenSource | None" = None

    @staticmethod
    def of(settings: Settings) -> "Security":
        """The security that the settings ask for; files are read once a process.

        Raises:
            SettingsError: Settings do not fit together, or a file is not what it should be.
        """
        return _made(settings)

    @property
    def principal(self) -> str:
        """Who we are to the brokers, for messages."""
        if self.tokens:
            return f"client {self.tokens.client_id}"
        return f"user {self.username}" if self.username else "us"

    def faust(self) -> "CredentialsT | None":
        """For Faust's setting `broker_credentials`."""
        import faust

        if self.tokens:
            from streams.kafka.oauth import AsyncTokens

            provider = AsyncTokens(self.tokens)
            return faust.OAuthCredentials(oauth_cb=provider, ssl_context=self.context)
        if self.mechanism:
            return faust.SASLCredentials(
                username=self.username,
                password=self._password,
                ssl_context=self.context,
                mechanism=self.mechanism,
            )
        return faust.SSLCredentials(self.context) if self.context else None

    def aiokafka(self) -> dict[str, Any]:
        """Arguments of aiokafka's clients."""
        found = self._common()
        if self.tokens:
            from streams.kafka.oauth import AsyncTokens

            found["sasl_oauth_token_provider"] = AsyncTokens(self.tokens)
        return found

    def kafka_python(self) -> dict[str, Any]:
        """Arguments of kafka-python's clients."""
        found = self._common()
        if self.tokens:
            from streams.kafka.oauth import SyncTokens

            found["sasl_oauth_token_provider"] = SyncTokens(self.tokens)
        return found

    def _common(self) -> dict[str, Any]:
        found: dict[str, Any] = {"security_protocol": self.protocol, "ssl_context": self.context}
        if self.mechanism:
            found["sasl_mechanism"] = self.mechanism
        if self.username:
            found |= {"sasl_plain_username": self.username, "sasl_plain_password": self._password}
        return found

    @property
    def _password(self) -> str:
        return self.password.get_secret_value() if self.password else ""


@lru_cache(maxsize=8)
def _made(settings: Settings) -> Security:
    protocol, mechanism = settings.security_protocol, settings.sasl_mechanism
    _check(settings)
    context = _context(settings) if protocol.endswith("SSL") else None
    if mechanism == "OAUTHBEARER":
        return Security(protocol, mechanism, context=context, tokens=_tokens(settings))
    if mechanism:
        return Security(
            protocol, mechanism, settings.sasl_username, settings.sasl_password, context
        )
    return Security(protocol, context=context)


def _check(settings: Settings) -> None:
    """Refuse settings that do not fit together: what is not used would be believed to be."""
    protocol, mechanism = settings.security_protocol, settings.sasl_mechanism
    user = {"SASL_USERNAME": settings.sasl_username, "SASL_PASSWORD": settings.sasl_password}
    client = {
        "OAUTH_TOKEN_URL": settings.oauth_token_url,
        "OAUTH_CLIENT_ID": settings.oauth_client_id,
        "OAUTH_CLIENT_SECRET": settings.oauth_client_secret,
    }
    tls = {
        "SSL_CA": settings.ssl_ca,
        "SSL_CERTIFICATE": settings.ssl_certificate,
        "SSL_KEY": settings.ssl_key,
    }
    if protocol.startswith("SASL"):
        if mechanism is None:
            raise SettingsError(f"JOURNEYS_SASL_MECHANISM: {protocol} needs one")
        _need(client if mechanism == "OAUTHBEARER" else user, f"SASL mechanism {mechanism}")
        _refuse(user if mechanism == "OAUTHBEARER" else client, f"SASL mechanism {mechanism}")
    else:
        _refuse({"SASL_MECHANISM": mechanism} | user | client, f"security protocol {protocol}")
    if not protocol.endswith("SSL"):
        _refuse(tls, f"security protocol {protocol}")
    if bool(settings.ssl_certificate) != bool(settings.ssl_key):
        raise SettingsError("JOURNEYS_SSL_CERTIFICATE and JOURNEYS_SSL_KEY belong together")


def _need(wanted: dict[str, Any], by: str) -> None:
    for name, value in wanted.items():
        if not _text(value):
            raise SettingsError(f"JOURNEYS_{name}: {by} needs it")


def _refuse(unused: dict[str, Any], by: str) -> None:
    for name, value in unused.items():
        if _text(value):
            raise SettingsError(f"JOURNEYS_{name}: {by} makes no use of it")


def _text(value: str | SecretStr | None) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value or ""


def _tokens(settings: Settings) -> "TokenSource":
    from streams.kafka.oauth import TokenSource

    trusted = ssl.create_default_context()  # not only the brokers' authority: often not its own
    if settings.ssl_ca:
        _trust(trusted, settings.ssl_ca)
    return TokenSource(
        url=settings.oauth_token_url or "",
        client_id=settings.oauth_client_id or "",
        client_secret=_text(settings.oauth_client_secret),
        scope=settings.oauth_scope,
        context=trusted,
    )


def _context(settings: Settings) -> ssl.SSLContext:
    # Not `create_default_context`: since Python 3.13 it refuses authorities of one's own making
    # that every other Kafka client takes.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = settings.ssl_check_hostname
    if settings.ssl_ca:
        _trust(context, settings.ssl_ca)
    else:
        context.load_default_certs()
    if settings.ssl_certificate:
        _identify(context, settings)
    return context


def _trust(context: ssl.SSLContext, authorities: str) -> None:
    pem = _pem("JOURNEYS_SSL_CA", authorities)
    _certificates("JOURNEYS_SSL_CA", authorities, pem)
    context.load_verify_locations(cadata=pem)


def _identify(context: ssl.SSLContext, settings: Settings) -> None:
    """Have the client show its certificate.

    OpenSSL tells a wrong password, a wrong file and a wrong key by the same words, so each is
    looked at first.
    """
    from cryptography.hazmat.primitives import serialization

    certificate, key = settings.ssl_certificate or "", _text(settings.ssl_key)
    chain, pem = _pem("JOURNEYS_SSL_CERTIFICATE", certificate), _pem("JOURNEYS_SSL_KEY", key)
    own = _certificates("JOURNEYS_SSL_CERTIFICATE", certificate, chain)[0]
    password = _text(settings.ssl_key_password)
    encrypted = "ENCRYPTED" in pem
    try:
        private = serialization.load_pem_private_key(
            pem.encode(), password.encode() if encrypted and password else None
        )
    except TypeError:
        raise SettingsError("JOURNEYS_SSL_KEY_PASSWORD: the key is encrypted") from None
    except ValueError:
        raise SettingsError(
            "JOURNEYS_SSL_KEY_PASSWORD: it does not open the key"
            if encrypted
            else f"JOURNEYS_SSL_KEY: {_place(key)} holds no private key"
        ) from None
    if private.public_key() != own.public_key():
        raise SettingsError("JOURNEYS_SSL_KEY: it is not the certificate's key")
    with _as_file(chain) as chain_file, _as_file(pem) as key_file:
        context.load_cert_chain(chain_file, key_file, password)


def _certificates(name: str, given: str, pem: str) -> list[Any]:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        raise SettingsError(f"{name}: {_place(given)} holds no certificate in PEM") from None


def _pem(name: str, given: str) -> str:
    """The text itself, or what is in the file of that name."""
    if _PEM in given:
        return given
    try:
        return Path(given).read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{name}: {given}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{name}: {given} is no PEM file") from None


def _place(given: str) -> str:
    return "the text" if _PEM in given else given


@contextmanager
def _as_file(text: str) -> Iterator[Path]:
    """A file that only we can read, for as long as OpenSSL, which takes nothing else, reads it."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        yield Path(file.name)
