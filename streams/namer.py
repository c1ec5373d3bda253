"""The namer: `naming-requests` in, `journey-names` out; a Faust app of its own.

Apart from the worker, so that a model which is slow, down or hung is never noticed by clustering.
"""

import asyncio
import logging
from typing import Any, Final

import faust

from models.encoder import Encoder
from models.naming.client import VllmClient
from models.naming.guard import Policy
from models.naming.namer import KeywordNamer, Namer, VllmNamer
from models.records import JourneyName, encode
from streams.name import Desk
from streams.settings import Settings
from streams.topics import Topics, partitions_of

STREAM_BUFFER: Final = 256  # records read ahead


def choose_namer(settings: Settings) -> Namer:
    """The namer that the settings ask for; opening its encoder blocks for a moment.

    Raises:
        SettingsError: The url of the server is none.
        ModelError: The encoder cannot be opened.
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
    return VllmNamer(client, candidates=settings.naming_candidates, policy=policy, encoder=encoder)


def create_namer(settings: Settings, namer: Namer) -> faust.App:
    """The namer's Faust app."""
    topics = Topics.of(settings)
    app = faust.App(
        f"{settings.group}-namer",
        broker=[f"kafka://{address}" for address in settings.broker.split(",")],
        store="memory://",
        datadir=settings.data_dir / "namer",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        broker_session_timeout=settings.session_timeout,
        broker_heartbeat_interval=settings.session_timeout / 5,
        broker_rebalance_timeout=settings.rebalance_timeout,
        stream_buffer_maxsize=STREAM_BUFFER,
        # What is under way when partitions move is dropped, not waited for: the server may be down.
        stream_wait_empty=False,
        broker_commit_interval=1.0,
        broker_commit_livelock_soft_timeout=float("inf"),  # a server may be down for long
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
        ModelError: The encoder cannot be opened.
    """
    for topic in (Topics.of(settings).requests, Topics.of(settings).names):
        partitions_of(settings, topic)
    app = create_namer(settings, choose_namer(settings))
    logging.getLogger("faust").setLevel(settings.log_level.upper())
    faust.Worker(app, loglevel=settings.log_level, quiet=True).execute_from_commandline()
