"""The namer: `naming-requests` in, `journey-names` out; a Faust app of its own.

Apart from the worker, so that a model which is slow, down or hung is never noticed by clustering.
"""

import asyncio
import math
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import faust

from models.encoder import Encoder
from models.naming.client import VllmClient
from models.naming.guard import Policy
from models.naming.namer import KeywordNamer, Namer, VllmNamer
from models.naming.prompt import Prompt, messages, plain
from models.naming.soft import SoftPrompt
from models.naming.titles import Evidence
from models.records import JourneyName, encode
from streams.name import Desk
from streams.settings import Settings
from streams.topics import Topics, partitions_of

STREAM_BUFFER: Final = 256  # records read ahead
COMMIT_SECONDS: Final = 1.0
HEARTBEATS: Final = 6  # in the time after which a silent namer's partitions may move


def choose_namer(settings: Settings) -> Namer:
    """The namer that the settings ask for; opening its encoder blocks for a moment.

    Raises:
        SettingsError: The url of the server is none.
        ModelError: The encoder or the soft prompt cannot be opened.
    """
    if settings.vllm_url is None:
        return KeywordNamer()
    client = VllmClient(
        settings.vllm_url,
        model=settings.vllm_model,
        api_key=settings.vllm_api_key.get_secret_value() if settings.vllm_api_key else None,
        concurrency=settings.naming_concurrency,
        timeout=settings.naming_timeout,
    )
    encoder = Encoder.open(settings.encoder, threads=settings.encoder_threads)
    policy = Policy(sensitive=frozenset(filter(None, settings.naming_refuses.split(","))))
    return VllmNamer(client, candidates=settings.naming_candidates, policy=policy, encoder=encoder,
                     prompt=choose_prompt(settings.naming_prompt, settings.naming_weights))


def choose_prompt(wanted: str, weights: Path | None = None) -> Callable[[Evidence], Prompt]:
    """How the server is asked: `examples`, `plain`, or the folder of a soft prompt.

    Raises:
        ModelError: There is no soft prompt in the folder, or it belongs to another model.
    """
    known = {"examples": messages, "plain": plain}
    return known.get(wanted) or SoftPrompt(Path(wanted), weights)


class _App(faust.App):
    def _create_directories(self) -> None:
        """Nothing is stored."""


def create_namer(settings: Settings, namer: Namer) -> faust.App:
    """The namer's Faust app."""
    topics = Topics.of(settings)
    group = f"{settings.group}-namer"
    moves_after = min(settings.session_timeout, settings.rebalance_timeout)
    app = _App(
        group,
        broker=";".join(f"kafka://{address}" for address in settings.broker.split(",")),
        broker_client_id=f"{group}-{socket.gethostname()}-{os.getpid()}",
        broker_commit_interval=COMMIT_SECONDS,
        broker_commit_livelock_soft_timeout=math.inf,  # a server may be down for long
        broker_heartbeat_interval=moves_after / HEARTBEATS,
        broker_rebalance_timeout=settings.rebalance_timeout,
        broker_session_timeout=settings.session_timeout,
        broker_request_timeout=max(30.0, 2 * settings.session_timeout),
        producer_acks=-1,
        stream_buffer_maxsize=STREAM_BUFFER,
        # What is under way when partitions move is dropped, not waited for: a server may be down.
        stream_wait_empty=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        store="memory://",
        autodiscover=False,
        web_enabled=False,
        worker_redirect_stdouts=False,
    )

    async def send(key: bytes, answer: JourneyName) -> None:
        await app.producer.send_and_wait(topics.names, key, encode(answer), None, None, None)

    def crash(error: BaseException) -> None:
        crashes.append(asyncio.ensure_future(app.crash(error)))

    crashes: list[asyncio.Future[None]] = []
    desk = Desk(namer, send, crash)
    requests = app.topic(topics.requests, key_type=bytes, value_type=bytes,
                         key_serializer="raw", value_serializer="raw")

    @app.agent(requests, name="name")
    async def name(stream: Any) -> None:
        async for event in stream.noack().events():
            await desk.take(event)

    @app.on_partitions_revoked.connect
    async def forget(*_: Any, **__: Any) -> None:
        desk.forget()

    @app.on_before_shutdown.connect
    async def stop(*_: Any, **__: Any) -> None:
        desk.forget()
        await namer.close()

    return app


def run(settings: Settings) -> None:
    """Run the namer until it is told to stop; ends the process.

    Raises:
        SettingsError: A setting is wrong, or a topic is missing.
        BrokerError: No broker answers.
        ModelError: The encoder or the soft prompt cannot be opened.
    """
    namer = choose_namer(settings)
    for topic in (Topics.of(settings).requests, Topics.of(settings).names):
        partitions_of(settings, topic)
    app = create_namer(settings, namer)
    faust.Worker(app, loglevel=settings.log_level, quiet=True, redirect_stdouts=False
                 ).execute_from_commandline()
