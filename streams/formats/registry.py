"""The schema registry: which schema an id stands for, and which id a schema of ours gets.

Blocking, one request a call: whoever has an event loop calls it in a thread. What it raises says
what to do: `RegistryError` passes by itself, `SettingsError` does not, `Rejected` is the record's.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from json import JSONDecodeError
from typing import Any, Final, Literal, TypeVar
from urllib.parse import urlsplit, urlunsplit

from models.bounded import UnboundedAnswerError, hooks
from models.errors import Reason, RegistryError, Rejected, SettingsError
from streams.formats.extra import needed
from streams.settings import Settings

Kind = Literal["AVRO", "PROTOBUF", "JSON"]
Answer = TypeVar("Answer")

_NOT_FOUND: Final = range(40_400, 40_500)  # the registry's own codes, unlike a web server's 404
_BUSY: Final = {408, 429}


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema as the registry has it.

    Attributes:
        kind: Its language.
        text: It itself; Protobuf also as a base64 descriptor, as some clients register it.
        references: The texts of all that it imports, at whatever depth, by the name it is imported
            by; each after those that it needs itself.
    """

    kind: Kind
    text: str
    references: dict[str, str] = field(default_factory=dict)


class Registry:
    """A client of the registry that the settings name.

    Args:
        settings: Where it is, who we are, and how long one request may take.

    Raises:
        SettingsError: No registry is set, or its libraries are not installed.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.registry_url is None:
            raise SettingsError("JOURNEYS_REGISTRY_URL: this needs a schema registry, none is set")
        self._confluent = needed("confluent_kafka.schema_registry")
        self._transport_error = needed("httpx").TransportError
        self.url = _shown(settings.registry_url)
        self._user = settings.registry_username
        self._options: dict[str, Any] = {
            "url": settings.registry_url,
            "timeout": settings.broker_timeout,
            "max.retries": 0,  # our callers try again, and say so
        }
        if settings.registry_username is not None:
            secret = settings.registry_password
            password = secret.get_secret_value() if secret else ""
            self._options["basic.auth.user.info"] = f"{settings.registry_username}:{password}"
        if settings.registry_ca is not None:
            self._options["ssl.ca.location"] = str(settings.registry_ca)
        self._client()

    def schema(self, number: int) -> Schema:
        """The schema of an id, with all that it refers to.

        Raises:
            Rejected: The registry knows no such id.
            RegistryError: The registry is away.
            SettingsError: What answers is no registry, or it refuses us.
        """
        references: dict[str, str] = {}
        with self._client() as client:
            found = self._ask(client.get_schema, number)
            if found is None:
                raise Rejected(
                    Reason.UNKNOWN_SCHEMA, f"the registry at {self.url} has no schema {number}"
                )
            self._collect(client, found.references or (), references)
        return Schema(found.schema_type or "AVRO", found.schema_str, references)

    def register(self, subject: str, schema: Schema) -> int:
        """The id of a schema of ours; it is registered unless it has been already.

        Raises:
            RegistryError: The registry is away.
            SettingsError: It refuses the schema, or us.
        """
        wanted = self._confluent.Schema(schema.text, schema.kind)
        with self._client() as client:
            known = self._ask(client.lookup_schema, subject, wanted, subject=subject)
            if known is not None:  # so reading is permission enough once it is there
                return int(known.schema_id)
            number = self._ask(client.register_schema, subject, wanted, subject=subject)
        if number is None:
            raise SettingsError(f"the registry at {self.url} has no place for subject {subject}")
        return int(number)

    def _client(self) -> Any:
        """A client for one question: they are few, and it leaves no connection open."""
        try:
            client = self._confluent.SchemaRegistryClient(self._options)
            client._rest_client.session.event_hooks = hooks()  # it has no option for that
            return client
        except OSError as error:
            path = self._options.get("ssl.ca.location")
            raise SettingsError(
                f"JOURNEYS_REGISTRY_CA: {path}: {error.strerror or error}"
            ) from None
        except ValueError as error:
            raise SettingsError(f"JOURNEYS_REGISTRY_URL: {self.url}: {error}") from None

    def _collect(self, client: Any, references: Any, found: dict[str, str]) -> None:
        for reference in references:
            if reference.name in found:
                continue
            version = self._ask(client.get_version, reference.subject, reference.version)
            if version is None:
                raise Rejected(
                    Reason.BAD_SCHEMA,
                    f"the registry at {self.url} has no {reference.subject} version "
                    f"{reference.version}, which a schema refers to",
                )
            self._collect(client, version.schema.references or (), found)
            found[reference.name] = version.schema.schema_str

    def _ask(
        self, call: Callable[..., Answer], *arguments: Any, subject: str = ""
    ) -> Answer | None:
        """One request; None when the registry says that there is no such thing."""
        try:
            return call(*arguments)
        except self._confluent.SchemaRegistryError as error:
            if error.http_status_code == 404 and error.error_code in _NOT_FOUND:
                return None
            raise self._refusal(error, subject) from None
        except JSONDecodeError:
            raise self._no_registry("200") from None
        except UnboundedAnswerError as error:
            raise RegistryError(f"the schema registry at {self.url} gives {error}") from None
        except self._transport_error as error:
            if isinstance(_root(error), ssl.SSLCertVerificationError):
                raise SettingsError(
                    "JOURNEYS_REGISTRY_CA: the certificate of the schema registry at "
                    f"{self.url} is not trusted: {error}"
                ) from None
            raise RegistryError(
                f"no schema registry answers at {self.url}: {error or type(error).__name__}"
            ) from None

    def _refusal(self, error: Any, subject: str) -> Exception:
        status, what = error.http_status_code, f" for subject {subject}" if subject else ""
        if status in _BUSY or status >= 500:
            return RegistryError(f"the schema registry at {self.url} answers HTTP {status}{what}")
        if status in (401, 403):
            who = repr(self._user) if self._user else "a caller without a name"
            return SettingsError(
                f"JOURNEYS_REGISTRY_USERNAME: the schema registry at {self.url} refuses {who}"
                f"{what} (HTTP {status})"
            )
        if error.error_code == -1 or not 400 <= status < 500:
            return self._no_registry(str(status))
        reason = " ".join(str(error.error_message).split())[:300]
        if status == 409:
            return SettingsError(
                f"the schema registry at {self.url} finds our schema incompatible with those it "
                f"has{what}: {reason}"
            )
        return SettingsError(
            f"the schema registry at {self.url} refuses{what} (HTTP {status}): {reason}"
        )

    def _no_registry(self, status: str) -> SettingsError:
        return SettingsError(
            f"JOURNEYS_REGISTRY_URL: what answers at {self.url} is a web page and no schema "
            f"registry (HTTP {status}); is this its address, and no sign-in before it?"
        )


def _shown(url: str) -> str:
    """A url, or several, without the name and password that may stand in it."""
    parts = (urlsplit(one.strip()) for one in url.split(","))
    return ",".join(
        urlunsplit(part._replace(netloc=part.netloc.rpartition("@")[2])) for part in parts
    )


def _root(error: BaseException) -> BaseException:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error
