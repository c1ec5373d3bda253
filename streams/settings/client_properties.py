r"""Kafka's own client properties file, read as settings.

The form is that of `java.util.Properties`: comments (`#`, `!`), continuation lines, escapes. What
the Java client would take from it (`bootstrap.servers`, `security.protocol`, `sasl.*`, `ssl.*`) is
taken; other keys are another client's business.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from models.errors import SettingsError

_ESCAPES: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_JKS: Final = b"\xfe\xed\xfe\xed"
_PEM: Final = b"-----BEGIN"

_JAAS: Final = re.compile(r"\s*(?:\S+\.)?(\w+)\s+(?:required|requisite|sufficient|optional)\b(.*);")
_OPTION: Final = re.compile(
    r"""\s*([\w.]+)\s*=\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s;"']+)""", re.DOTALL
)

# What a login module's options are called here.
_MODULES: Final[Mapping[str, Mapping[str, str]]] = {
    "PlainLoginModule": {"username": "sasl_username", "password": "sasl_password"},
    "ScramLoginModule": {"username": "sasl_username", "password": "sasl_password"},
    "OAuthBearerLoginModule": {
        "clientId": "oauth_client_id",
        "clientSecret": "oauth_client_secret",
        "scope": "oauth_scope",
    },
}
_PLAIN_KEYS: Final[Mapping[str, str]] = {
    "security.protocol": "security_protocol",
    "sasl.mechanism": "sasl_mechanism",
    "sasl.oauthbearer.token.endpoint.url": "oauth_token_url",
    "sasl.oauthbearer.client.credentials.client.id": "oauth_client_id",
    "sasl.oauthbearer.client.credentials.client.secret": "oauth_client_secret",
    "sasl.oauthbearer.scope": "oauth_scope",
    "ssl.truststore.certificates": "ssl_ca",
    "ssl.keystore.certificate.chain": "ssl_certificate",
    "ssl.keystore.key": "ssl_key",
    "ssl.key.password": "ssl_key_password",
}


def load(path: Path) -> dict[str, Any]:
    """The settings, by name, that a client properties file holds.

    Raises:
        SettingsError: It cannot be read, or asks for what is not supported.
    """
    properties = parse(_text(path))
    try:
        return _settings(properties)
    except SettingsError as error:
        raise SettingsError(f"JOURNEYS_CLIENT_PROPERTIES: {path}: {error}") from None


def parse(text: str) -> dict[str, str]:
    """Keys and values as `java.util.Properties` reads them; the last one of a key wins."""
    found = {}
    for line in _logical_lines(text):
        match = re.match(r"((?:\\.|[^\\\s=:])*)\s*[=:]?\s*(.*)", line, re.DOTALL)
        assert match is not None
        found[_unescaped(match[1])] = _unescaped(match[2])
    return found


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"JOURNEYS_CLIENT_PROPERTIES: {path}: {error.strerror}") from None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")  # what Java takes it for


def _logical_lines(text: str) -> Iterator[str]:
    rest = ""
    for line in re.split(r"\r\n|\r|\n", text):
        line = line.lstrip(" \t\f")
        if not rest and (not line or line[0] in "#!"):
            continue
        slashes = len(line) - len(line.rstrip("\\"))
        if slashes % 2:
            rest += line[:-1]
        else:
            yield rest + line
            rest = ""
    if rest:
        yield rest


def _unescaped(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        code, char = match[1], match[2]
        return chr(int(code, 16)) if code else _ESCAPES.get(char, char)

    # Characters past the basic plane are two escapes there: a surrogate pair.
    whole = re.sub(r"\\(?:u([0-9a-fA-F]{4})|(.))", one, text, flags=re.DOTALL)
    return whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _settings(properties: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        setting: properties[key] for key, setting in _PLAIN_KEYS.items() if properties.get(key)
    }
    if servers := properties.get("bootstrap.servers", ""):
        # A server may be written with its listener's name before it.
        found["broker"] = ",".join(
            server.strip().rpartition("://")[2] for server in servers.split(",") if server.strip()
        )
    if (checked := properties.get("ssl.endpoint.identification.algorithm")) is not None:
        found["ssl_check_hostname"] = bool(checked.strip())
    if jaas := properties.get("sasl.jaas.config", ""):
        found |= _login(jaas)
    if path := properties.get("ssl.truststore.location"):
        found["ssl_ca"] = _truststore(path, properties)
    if path := properties.get("ssl.keystore.location"):
        found |= _keystore(path, properties)
    return found


def _login(jaas: str) -> dict[str, str]:
    """What a login module is told in `sasl.jaas.config`."""
    match = re.fullmatch(_JAAS.pattern, jaas.strip(), re.DOTALL)
    if match is None:
        raise SettingsError('sasl.jaas.config: `MODULE required NAME="VALUE" …;` is wanted')
    if match[1] not in _MODULES:
        raise SettingsError(f"sasl.jaas.config: {match[1]} is none of {', '.join(_MODULES)}")
    if _OPTION.sub("", match[2]).strip():
        raise SettingsError('sasl.jaas.config: not all of it is NAME="VALUE"; are quotes missing?')
    names = _MODULES[match[1]]
    return {names[k]: _unquoted(v) for k, v in _OPTION.findall(match[2]) if k in names}


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value[0] in "\"'" else value


def _truststore(path: str, properties: Mapping[str, str]) -> str:
    raw = _store("ssl.truststore", path, properties)
    if raw.startswith(_PEM) or _PEM in raw:
        return path
    certificates, _, _ = _pkcs12("ssl.truststore", raw, properties)
    return certificates


def _keystore(path: str, properties: Mapping[str, str]) -> dict[str, str]:
    raw = _store("ssl.keystore", path, properties)
    if _PEM in raw:
        return {"ssl_certificate": path, "ssl_key": path}
    others, certificate, key = _pkcs12("ssl.keystore", raw, properties)
    if not key:
        raise SettingsError(f"ssl.keystore.location: {path} holds no private key")
    return {"ssl_certificate": certificate + others, "ssl_key": key, "ssl_key_password": ""}


def _store(name: str, path: str, properties: Mapping[str, str]) -> bytes:
    """A store's bytes; its own first bytes say what it is, as they do to Java."""
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise SettingsError(f"{name}.location: {path}: {error.strerror}") from None
    if raw.startswith(_JKS):
        raise SettingsError(
            f"{name}.location: {path} is a JKS store, which only Java reads: "
            f"`keytool -importkeystore -srckeystore {path} -destkeystore {path}.p12 "
            "-deststoretype PKCS12` makes one of it that is read here"
        )
    if properties.get(f"{name}.type", "").upper() == "PEM" and _PEM not in raw:
        raise SettingsError(f"{name}.location: {path} holds no PEM")
    return raw


def _pkcs12(name: str, raw: bytes, properties: Mapping[str, str]) -> tuple[str, str, str]:
    """A PKCS12 store as PEM: the other certificates, the key's own, the key (not encrypted)."""
    from cryptography.hazmat.primitives import serialization  # not for those without a store
    from cryptography.hazmat.primitives.serialization import pkcs12

    password = properties.get(f"{name}.password", "")
    try:
        store = pkcs12.load_pkcs12(raw, password.encode() if password else None)
    except ValueError:
        raise SettingsError(
            f"{name}.location: no PEM and no PKCS12 store that {name}.password opens"
        ) from None
    pem = serialization.Encoding.PEM
    own = store.cert.certificate.public_bytes(pem).decode() if store.cert else ""
    others = "".join(one.certificate.public_bytes(pem).decode() for one in store.additional_certs)
    key = (
        store.key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        if store.key
        else ""
    )
    return others, own, key
