"""OAUTHBEARER: tokens of a client credentials grant, for both Kafka clients."""

import asyncio
import ssl
import threading
import time
from collections.abc import Callable
from typing import Final

import aiokafka.abc
import httpx
import kafka.net.sasl.oauth
from aiokafka.errors import KafkaConnectionError, SaslAuthenticationFailed

from models.bounded import UnboundedAnswerError, hooks
from models.errors import BrokerError, SettingsError

TIMEOUT_SECONDS: Final = 10.0
USED_OF_LIFE: Final = 0.8  # a token is used for this part of its life, as the Java client does
UNSAID_LIFE_SECONDS: Final = 300.0  # of a token whose server does not say how long it lives


class TokenSource:
    """Gets tokens, and keeps one until shortly before it expires; safe among threads.

    Args:
        url: Of the token endpoint.
        client_id: Who we are there.
        client_secret: Its secret.
        scope: What is asked for; None leaves it to the server.
        context: Whom to trust.
        clock: In seconds.
    """

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: str,
        scope: str | None = None,
        context: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.client_id = client_id
        self._url = url
        self._secret = client_secret
        self._scope = scope
        self._context = context
        self._clock = clock
        self._lock = threading.Lock()
        self._token, self._good_until = "", -1.0

    def __repr__(self) -> str:
        return f"TokenSource({self._url}, {self.client_id})"

    def token(self) -> str:
        """A token that is valid for some time yet; blocks while it is fetched.

        Raises:
            SettingsError: The server refuses us.
            BrokerError: It does not answer, or with what is no token.
        """
        with self._lock:
            if self._clock() >= self._good_until:
                asked = self._clock()
                self._token, life = self._fetch()
                self._good_until = asked + USED_OF_LIFE * life
            return self._token

    def _fetch(self) -> tuple[str, float]:
        form = {"grant_type": "client_credentials"}
        if self._scope:
            form["scope"] = self._scope
        try:
            with httpx.Client(
                verify=self._context or True, timeout=TIMEOUT_SECONDS, event_hooks=hooks()
            ) as client:
                answer = client.post(self._url, data=form, auth=(self.client_id, self._secret))
        except UnboundedAnswerError as error:
            raise BrokerError(f"the token server at {self._url} gives {error}") from None
        except httpx.HTTPError as error:
            raise BrokerError(f"the token server at {self._url} does not answer: {error}") from None
        except httpx.InvalidURL as error:
            raise SettingsError(f"JOURNEYS_OAUTH_TOKEN_URL: {error}") from None
        try:
            said = answer.json()
            said = said if isinstance(said, dict) else {}
        except ValueError:
            said = {}
        if 400 <= answer.status_code < 500 and answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
            why = said.get("error_description") or said.get("error") or answer.reason_phrase
            raise SettingsError(
                f"the token server at {self._url} refuses client {self.client_id}: "
                f"{answer.status_code} {why}"
            )
        token, life = said.get("access_token"), said.get("expires_in")
        if not answer.is_success or not isinstance(token, str) or not token:
            raise BrokerError(
                f"the token server at {self._url} gives no access_token "
                f"(status {answer.status_code})"
            )
        try:
            return token, float(life)  # type: ignore[arg-type]  # some write it as text
        except (TypeError, ValueError):
            return token, UNSAID_LIFE_SECONDS


class AsyncTokens(aiokafka.abc.AbstractTokenProvider):  # type: ignore[misc]
    """For aiokafka; fetched off the event loop."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    async def token(self) -> str:
        """Aiokafka's hook.

        Raises:
            KafkaError: There is none; what is no refusal is tried again by the client.
        """
        try:
            return await asyncio.to_thread(self._source.token)
        except SettingsError as error:
            raise SaslAuthenticationFailed(str(error)) from error
        except BrokerError as error:
            raise KafkaConnectionError(str(error)) from error


class SyncTokens(kafka.net.sasl.oauth.AbstractTokenProvider):  # type: ignore[misc]
    """For kafka-python."""

    def __init__(self, source: TokenSource) -> None:
        super().__init__()
        self._source = source

    def token(self) -> str:
        """Kafka-python's hook."""
        return self._source.token()
