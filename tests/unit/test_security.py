"""TLS and SASL: what each client is given, and settings that do not fit together."""

import json
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.errors import BrokerError, SettingsError
from streams.kafka.oauth import AsyncTokens, SyncTokens, TokenSource
from streams.kafka.preflight import refusal
from streams.kafka.security import Security
from streams.settings import Settings
from tests.support.secured import KEY_PASSWORD, make_certificates

SCRAM = {
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "SCRAM-SHA-512",
    "sasl_username": "me",
    "sasl_password": "hush",
}
OAUTH = {
    "security_protocol": "SASL_PLAINTEXT",
    "sasl_mechanism": "OAUTHBEARER",
    "oauth_token_url": "http://id.example/token",
    "oauth_client_id": "me",
    "oauth_client_secret": "hush",
}


def security(**given: Any) -> Security:
    return Security.of(Settings.load(**given))


def test_plain_brokers_need_nothing() -> None:
    found = security()
    assert found.faust() is None
    assert found.aiokafka() == found.kafka_python()
    assert found.kafka_python() == {"security_protocol": "PLAINTEXT", "ssl_context": None}


def test_every_client_gets_the_same_user_and_context() -> None:
    found = security(**SCRAM)
    assert found.context is not None
    assert found.context.verify_mode is ssl.CERT_REQUIRED
    assert found.context.check_hostname
    for options in (found.aiokafka(), found.kafka_python()):
        assert options == {
            "security_protocol": "SASL_SSL",
            "ssl_context": found.context,
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": "me",
            "sasl_plain_password": "hush",
        }
    faust: Any = found.faust()
    assert (faust.username, faust.password, faust.ssl_context) == ("me", "hush", found.context)
    assert faust.protocol.value == "SASL_SSL"
    assert "hush" not in repr(found) + repr(faust)


def test_tokens_are_shared_by_all_clients() -> None:
    found = security(**OAUTH)
    assert isinstance(found.aiokafka()["sasl_oauth_token_provider"], AsyncTokens)
    assert isinstance(found.kafka_python()["sasl_oauth_token_provider"], SyncTokens)
    faust: Any = found.faust()
    assert isinstance(faust.oauth_cb, AsyncTokens)
    assert "hush" not in repr(found)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"security_protocol": "SASL_SSL"}, "SASL_MECHANISM: SASL_SSL needs one"),
        (SCRAM | {"sasl_password": None}, "SASL_PASSWORD: SASL mechanism SCRAM-SHA-512 needs it"),
        (SCRAM | {"sasl_username": ""}, "SASL_USERNAME: .* needs it"),
        (SCRAM | {"security_protocol": "SSL"}, "SASL_MECHANISM: security protocol SSL makes no"),
        ({"sasl_password": "hush"}, "SASL_PASSWORD: security protocol PLAINTEXT makes no use"),
        ({"ssl_ca": "ca.pem"}, "SSL_CA: security protocol PLAINTEXT makes no use"),
        (OAUTH | {"oauth_client_secret": None}, "OAUTH_CLIENT_SECRET: .* needs it"),
        (OAUTH | {"sasl_password": "hush"}, "SASL_PASSWORD: SASL mechanism OAUTHBEARER makes no"),
        (SCRAM | {"ssl_ca": "/gone.pem"}, "SSL_CA: /gone.pem: No such file"),
        (SCRAM | {"ssl_ca": "{folder}/client.key"}, "SSL_CA: .*client.key holds no certificate"),
        (SCRAM | {"ssl_certificate": "{folder}/client.pem"}, "SSL_KEY belong together"),
    ],
)
def test_what_does_not_fit_is_one_line(given: dict[str, Any], said: str, tmp_path: Path) -> None:
    make_certificates(tmp_path)
    given = {k: v and v.format(folder=tmp_path) for k, v in given.items()}
    with pytest.raises(SettingsError, match=said) as error:
        security(**given)
    assert "\n" not in str(error.value)
    assert "hush" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ssl_key_password": "wrong"}, "SSL_KEY_PASSWORD: it does not open the key"),
        ({"ssl_key_password": None}, "SSL_KEY_PASSWORD: the key is encrypted"),
        ({"ssl_key": "{folder}/other.key"}, "SSL_KEY: it is not the certificate's key"),
        ({"ssl_key": "{folder}/ca.pem"}, "SSL_KEY: .*ca.pem holds no private key"),
        ({"ssl_certificate": "{folder}/client.key"}, "SSL_CERTIFICATE: .*holds no certificate"),
        ({"ssl_key": "-----BEGIN NONSENSE"}, "SSL_KEY: the text holds no private key"),
    ],
)
def test_a_clients_certificate_that_is_none(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    make_certificates(tmp_path)
    given = {
        "security_protocol": "SSL",
        "ssl_ca": "{folder}/ca.pem",
        "ssl_certificate": "{folder}/client.pem",
        "ssl_key": "{folder}/client.key",
        "ssl_key_password": KEY_PASSWORD,
    }
    fitting = {k: v.format(folder=tmp_path) for k, v in given.items()}
    assert security(**fitting).context
    with pytest.raises(SettingsError, match=said):
        security(**fitting | {k: v and v.format(folder=tmp_path) for k, v in changes.items()})


class TokenServer:
    """Stands for the client's post."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)

    def __call__(self, url: str, **_: Any) -> httpx.Response:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_token_is_kept_until_shortly_before_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    answers = [
        httpx.Response(200, json={"access_token": name, "expires_in": life})
        for name, life in (("a", 100), ("b", "100"), ("c", None))
    ]
    monkeypatch.setattr(httpx.Client, "post", TokenServer(*answers))
    source = TokenSource("http://x", "me", "hush", clock=lambda: now)
    assert source.token() == "a"
    now += 79
    assert source.token() == "a"
    now += 2
    assert source.token() == "b"
    now += 100
    assert [source.token(), source.token()] == ["c", "c"]
    assert "hush" not in repr(source)


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (httpx.Response(401, json={"error": "invalid_client"}), SettingsError, "401 invalid_cl"),
        (httpx.Response(403, text="<html>"), SettingsError, "403 Forbidden"),
        (httpx.Response(503), BrokerError, r"no access_token \(status 503\)"),
        (httpx.Response(429), BrokerError, r"no access_token \(status 429\)"),
        (httpx.Response(302), BrokerError, r"no access_token \(status 302\)"),
        (httpx.Response(200, text="[]"), BrokerError, "no access_token"),
        (httpx.Response(200, content=json.dumps({"access_token": 5})), BrokerError, "no access_t"),
        (httpx.ConnectError("refused"), BrokerError, "does not answer: refused"),
    ],
)
async def test_no_token_is_one_line(
    answer: Any, kind: type[Exception], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httpx.Client, "post", TokenServer(answer, answer))
    source = TokenSource("http://x", "me", "hush")
    with pytest.raises(kind, match=said):
        source.token()
    with pytest.raises(Exception, match=said) as told:
        await AsyncTokens(source).token()
    assert isinstance(told.value.__cause__, kind)


def test_a_missing_right_is_said_in_the_same_words_for_both_clients() -> None:
    from aiokafka.errors import GroupAuthorizationFailedError, KafkaConnectionError
    from kafka.errors import TopicAuthorizationFailedError

    assert refusal(GroupAuthorizationFailedError("g")) == (
        "no right to the consumer group (g): an ACL is missing"
    )
    assert refusal(TopicAuthorizationFailedError({"a"})) == (
        "no right to a topic (a): an ACL is missing"
    )
    assert refusal(KafkaConnectionError("x")) is None
