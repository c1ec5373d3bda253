"""Kafka's client properties file: Java's form, and what of it becomes settings."""

from pathlib import Path

import pytest

from models.errors import SettingsError
from streams.settings import Settings, client_properties
from tests.support.secured import KEY_PASSWORD, make_certificates


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a=b", {"a": "b"}),
        ("a = b ", {"a": "b "}),
        ("a:b\r\nc d\re\n", {"a": "b", "c": "d", "e": ""}),
        ("# no\n! no\n\n   # no\na=#yes", {"a": "#yes"}),
        ("a=one, \\\n    two\\\n  three\nb=1", {"a": "one, twothree", "b": "1"}),
        ("a=ends\\\\\nb=1", {"a": "ends\\", "b": "1"}),
        ("a=one\\\n# two", {"a": "one# two"}),
        (r"a\ b\=c\:d=\t\n\u00e9\z", {"a b=c:d": "\t\néz"}),
        (r"a=\ud83d\ude00", {"a": "😀"}),
        ("a==b=c", {"a": "=b=c"}),
        ("a=1\na=2", {"a": "2"}),
    ],
)
def test_it_is_read_as_java_does(text: str, found: dict[str, str]) -> None:
    assert client_properties.parse(text) == found


def settings(folder: Path, text: str, **flags: object) -> Settings:
    path = folder / "client.properties"
    path.write_text(text, encoding="utf-8")
    return Settings.load(client_properties=path, **flags)


def test_what_it_says_are_settings_and_what_is_set_otherwise_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A backslash is an escape of the file before it is one of the login module's.
    text = r"""
bootstrap.servers=SASL_SSL://a.example:9093, b.example:9093
security.protocol=sasl_ssl
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \
  username="me" password="a \\"b\\\\ ;c='";
ssl.endpoint.identification.algorithm=
ssl.truststore.certificates=-----BEGIN CERTIFICATE-----\n…
acks=all
"""
    found = settings(tmp_path, text)
    assert found.broker == "a.example:9093,b.example:9093"
    assert (found.security_protocol, found.sasl_mechanism) == ("SASL_SSL", "SCRAM-SHA-512")
    assert found.sasl_username == "me"
    assert found.sasl_password is not None
    assert found.sasl_password.get_secret_value() == "a \"b\\ ;c='"
    assert found.ssl_check_hostname is False
    assert found.ssl_ca == "-----BEGIN CERTIFICATE-----\n…"
    monkeypatch.setenv("JOURNEYS_SASL_USERNAME", "other")
    over = settings(tmp_path, text, broker="c:1", security_protocol="SASL_PLAINTEXT")
    assert (over.broker, over.sasl_username) == ("c:1", "other")
    assert over.security_protocol == "SASL_PLAINTEXT"


def test_tokens(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        "sasl.mechanism=OAUTHBEARER\n"
        "sasl.oauthbearer.token.endpoint.url=https://id.example/token\n"
        "sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule "
        "required clientId='me' clientSecret=\"s\" scope=kafka extension_x='1' ;\n",
    )
    assert found.oauth_token_url == "https://id.example/token"
    assert (found.oauth_client_id, found.oauth_scope) == ("me", "kafka")
    assert found.oauth_client_secret is not None
    assert found.oauth_client_secret.get_secret_value() == "s"


def test_stores_in_pem_and_pkcs12(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    pem = settings(
        tmp_path,
        f"ssl.truststore.type=PEM\nssl.truststore.location={tmp_path}/ca.pem\n"
        f"ssl.keystore.type=PEM\nssl.keystore.location={tmp_path}/server.pem\n"
        "ssl.key.password=x\n",
    )
    assert pem.ssl_ca == f"{tmp_path}/ca.pem"
    assert pem.ssl_certificate == f"{tmp_path}/server.pem"
    p12 = settings(
        tmp_path,
        f"ssl.truststore.location={tmp_path}/client.p12\nssl.truststore.password={KEY_PASSWORD}\n"
        f"ssl.keystore.location={tmp_path}/client.p12\nssl.keystore.password={KEY_PASSWORD}\n",
    )
    assert p12.ssl_ca == (tmp_path / "ca.pem").read_text()
    assert p12.ssl_certificate is not None
    assert p12.ssl_certificate.startswith((tmp_path / "client.pem").read_text())
    assert p12.ssl_key is not None
    assert "PRIVATE KEY" in p12.ssl_key.get_secret_value()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sasl.jaas.config=nonsense", "sasl.jaas.config: `MODULE required"),
        ("sasl.jaas.config=a.Krb5LoginModule required x=1;", "Krb5LoginModule is none of"),
        ('sasl.jaas.config=a.PlainLoginModule required username="a" password="b;', "quotes"),
        ("ssl.truststore.location=/gone.jks", "ssl.truststore.location: /gone.jks: No such file"),
        ("ssl.truststore.location={folder}/store.jks", "JKS store.*keytool -importkeystore"),
        ("ssl.truststore.location={folder}/nothing", "no PEM and no PKCS12"),
        ("ssl.truststore.type=PEM\nssl.truststore.location={folder}/nothing", "holds no PEM"),
    ],
)
def test_what_cannot_be_used_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "store.jks").write_bytes(b"\xfe\xed\xfe\xed\0\0\0\2")
    (tmp_path / "nothing").write_bytes(b"nothing")
    with pytest.raises(SettingsError, match=said) as error:
        settings(tmp_path, text.format(folder=tmp_path))
    assert str(error.value).startswith("JOURNEYS_CLIENT_PROPERTIES: ")
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(SettingsError, match=r"/gone\.properties: No such file"):
        Settings.load(client_properties="/gone.properties")
