"""Why the brokers do not let us in: one connection that fails at once, and says what is wrong.

The clients themselves try again and again, whatever the reason: to them a wrong password and a
broker that starts are the same.
"""

import asyncio
import re
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import lru_cache
from typing import Final

from models.errors import BrokerError, JourneysError
from streams.kafka.security import Security
from streams.settings import Settings

# OpenSSL's codes of certificates that are for another host name or IP address.
_OTHER_NAME: Final = frozenset({62, 64})
_ATTEMPT_SECONDS: Final = 10.0  # of one connection, at most
_CLOSE_SECONDS: Final = 1.0
_THINGS: Final = {
    "Topic": "a topic",
    "Group": "the consumer group",
    "TransactionalId": "the transactional id",
    "Cluster": "the cluster",
}


def check(settings: Settings) -> None:
    """Find out whether the brokers let us in; silent when they do, and when none answers.

    The first bootstrap server that answers is asked, and every broker of the cluster that it names.

    Raises:
        BrokerError: They do not; one line that says why.
        SettingsError: The settings are at fault, or the token server refuses us.
    """
    security = Security.of(settings)
    # In a thread: the caller may have an event loop of its own.
    with ThreadPoolExecutor(1) as threads:
        threads.submit(lambda: asyncio.run(_check(settings, security))).result()


@lru_cache(maxsize=8)
def check_once(settings: Settings) -> None:
    """`check`, if these brokers have not been met yet by this process."""
    check(settings)


def refusal(error: BaseException) -> str | None:
    """What a Kafka client's error says about missing rights; None if it is about something else."""
    name = type(error).__name__
    if "Authorization" not in name:
        return None
    what = next((what for what in _THINGS if what in name), "Cluster")
    detail = ", ".join(str(argument) for argument in _details(error))
    return f"no right to {_THINGS[what]}{f' ({detail})' if detail else ''}: an ACL is missing"


def _details(error: BaseException) -> list[object]:
    found: list[object] = []
    for argument in error.args:
        found += argument if isinstance(argument, list | set | tuple | frozenset) else [argument]
    return [one for one in found if one]


async def _check(settings: Settings, security: Security) -> None:
    failures: list[JourneysError] = []
    for address in settings.broker.split(","):
        host, _, port = address.rpartition(":")
        try:
            brokers = await _brokers(host.strip("[]"), int(port), settings, security)
        except JourneysError as error:
            failures.append(error)
            continue
        for other, number in brokers:
            await _brokers(other, number, settings, security)
        if brokers:
            return
    if failures:
        raise failures[0]


async def _brokers(
    host: str, port: int, settings: Settings, security: Security
) -> list[tuple[str, int]]:
    """The cluster's brokers, as this one names them; empty when it does not answer.

    Raises:
        JourneysError: It answers, but lets us not in.
    """
    # Imported here: plain brokers that answer never need it.
    from aiokafka.conn import AIOKafkaConnection
    from aiokafka.protocol.metadata import MetadataRequest

    seconds = min(settings.broker_timeout, _ATTEMPT_SECONDS)
    connected = False
    connection = AIOKafkaConnection(
        host, port, request_timeout_ms=int(seconds * 1000), **security.aiokafka()
    )
    try:
        async with asyncio.timeout(seconds):
            await connection.connect()
            connected = True
            answer = await connection.send(MetadataRequest([]))
    except Exception as error:
        if why := await asyncio.to_thread(_why, error, host, port, security):
            raise why from None
        if connected and not security.mechanism and not isinstance(error, TimeoutError):
            raise BrokerError(
                f"the broker at {host}:{port} hangs up at the first request: "
                f"JOURNEYS_SECURITY_PROTOCOL is {security.protocol}, does it ask for SASL?"
            ) from None
        return []
    finally:
        closed = connection.close()
        if connection._protocol is not None:  # TLS takes its leave
            await asyncio.wait([closed], timeout=_CLOSE_SECONDS)
    if security.tokens and not answer.brokers:  # aiokafka takes the refusal for an answer
        raise BrokerError(
            f"the broker at {host}:{port} does not take the token of {security.principal}"
        )
    return [(broker[1], broker[2]) for broker in answer.brokers]


def _why(error: Exception, host: str, port: int, security: Security) -> JourneysError | None:
    """The reason of a failure; None when nobody answers there."""
    place = f"the broker at {host}:{port}"
    if isinstance(error.__cause__, JourneysError):  # from the token source
        return error.__cause__
    found = _tls_failure(error)
    if isinstance(found, ssl.SSLCertVerificationError):
        return BrokerError(_not_trusted(found, place))
    name = type(error).__name__
    if name == "UnsupportedSaslMechanismError":
        return BrokerError(f"{place} does not take SASL mechanism {security.mechanism}")
    if name == "IllegalSaslStateError":
        return BrokerError(
            f"{place} asks for no SASL: JOURNEYS_SECURITY_PROTOCOL is {security.protocol}"
        )
    # A ValueError is a SCRAM proof that is none: whoever answers does not know the password.
    if "Authentication" in name or (security.mechanism and isinstance(error, ValueError)):
        return BrokerError(f"{place} refuses {security.principal}: {_said(error)}")
    if security.context is not None:
        if found is not None and _asks_for_certificate(found):
            return BrokerError(
                f"{place} asks for a client's certificate that it trusts (JOURNEYS_SSL_CERTIFICATE)"
            )
        if not _listens(host, port):
            return None
        if not _speaks_tls(host, port):
            return BrokerError(
                f"{place} does not speak TLS: JOURNEYS_SECURITY_PROTOCOL is {security.protocol}"
            )
        if found is not None:
            return BrokerError(f"{place} and TLS: {found.reason or found}")
        return None
    if _listens(host, port) and _speaks_tls(host, port):
        return BrokerError(
            f"{place} speaks TLS: JOURNEYS_SECURITY_PROTOCOL is {security.protocol}, "
            "SSL or SASL_SSL is wanted"
        )
    return None


def _said(error: Exception) -> str:
    # aiokafka puts a number and its class before what the broker says.
    words = re.sub(r"^\[Error \d+\] \w+: ?", "", " ".join(str(error).split()))
    return words or type(error).__name__


def _tls_failure(error: BaseException | None) -> ssl.SSLError | None:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return error
        arguments = [one for one in error.args if isinstance(one, BaseException)]
        error = error.__cause__ or error.__context__ or (arguments[0] if arguments else None)
    return None


def _not_trusted(error: ssl.SSLCertVerificationError, place: str) -> str:
    if error.verify_code in _OTHER_NAME:
        return f"{place} shows a certificate for another name: {error.verify_message}"
    return (
        f"{place} shows a certificate that is not trusted: {error.verify_message} "
        "(JOURNEYS_SSL_CA names the authorities)"
    )


def _asks_for_certificate(error: ssl.SSLError) -> bool:
    reason = str(error).upper().replace(" ", "_")
    return any(word in reason for word in ("CERTIFICATE", "UNKNOWN_CA"))


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=2.0).close()
    except OSError:
        return False
    return True


def _speaks_tls(host: str, port: int) -> bool:
    """Whether a TLS handshake comes to anything there; nothing is trusted, nothing is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with suppress(OSError), closing(socket.create_connection((host, port), timeout=2.0)) as plain:
        context.wrap_socket(plain, server_hostname=host).close()
        return True
    return False
