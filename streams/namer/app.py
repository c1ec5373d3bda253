"""The namer: `naming-requests` in, `journey-names` out; a Faust app of its own.

Apart from the worker, so that a model which is slow, down or hung is never noticed by clustering.
"""

import asyncio
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from models.encoders.encoder import Encoder
from models.naming.answers import Policy
from models.naming.client import VllmClient
from models.naming.namer import KeywordNamer, Namer, VllmNamer
from models.naming.prompt import Prompt, messages, plain
from models.naming.soft import SoftPrompt
from models.naming.titles import Evidence
from models.records import JourneyName, encode
from streams.kafka.admin import side_by_side
from streams.kafka.failfast import FailFastTransport
from streams.kafka.sending import Headers
from streams.namer.health import Health
from streams.service.app import ServiceApp, faust_settings, run_service
from streams.service.metrics import NAMER, Metrics
from streams.service.tracing import tracing_of
from streams.settings import Settings
from streams.stages.name import NamingQueue
from streams.topics import Topics

STREAM_BUFFER: Final = 256  # records read ahead


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
    policy = Policy(sensitive=settings.policy.withheld)
    return VllmNamer(
        client,
        candidates=settings.naming_candidates,
        policy=policy,
        encoder=encoder,
        prompt=choose_prompt(settings.naming_prompt, settings.naming_weights),
    )


def choose_prompt(wanted: str, weights: Path | None = None) -> Callable[[Evidence], Prompt]:
    """How the server is asked: `examples`, `plain`, or the folder of a soft prompt.

    Raises:
        ModelError: There is no soft prompt in the folder, or it belongs to another model.
    """
    known = {"examples": messages, "plain": plain}
    return known.get(wanted) or SoftPrompt(Path(wanted), weights)


class _App(ServiceApp):
    def _new_transport(self) -> FailFastTransport:
        return FailFastTransport(self.conf.broker_consumer, self)


def create_namer(settings: Settings, namer: Namer) -> ServiceApp:
    """The namer's Faust app."""
    topics = Topics.of(settings)
    group = f"{settings.group}-namer"
    app = _App(
        group,
        **faust_settings(settings, group, "kafka")
        | {
            "broker_commit_livelock_soft_timeout": math.inf,  # a server may be down for long
            "stream_buffer_maxsize": STREAM_BUFFER,
            # What is under way when partitions move is dropped: a server may be down for long.
            "stream_wait_empty": False,
            "topic_allow_declare": False,
        },
    )

    async def send(partition: int, key: bytes, answer: JourneyName, headers: Headers) -> None:
        value = encode(answer)
        await app.producer.send_and_wait(topics.names, key, value, partition, None, headers)

    def crash(error: BaseException) -> None:
        crashes.append(asyncio.ensure_future(app.crash(error)))

    crashes: list[asyncio.Future[None]] = []
    metrics = Metrics(NAMER)
    app.tracing = tracing_of("namer")
    queue = NamingQueue(namer, send, crash, metrics, tracing=app.tracing)
    app.health = health = Health(app, settings, namer, queue, metrics)
    requests = app.topic(
        topics.requests,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
    )

    @app.agent(requests, name="name")
    async def name(stream: Any) -> None:
        async for event in stream.noack().events():
            await queue.take(event)

    @app.on_partitions_assigned.connect
    async def joined(*_: Any, **__: Any) -> None:
        health.joined = True

    @app.on_partitions_revoked.connect
    async def forget(*_: Any, **__: Any) -> None:
        queue.forget()

    @app.on_before_shutdown.connect
    async def stop(*_: Any, **__: Any) -> None:
        queue.forget()
        await namer.close()

    return app


def run(settings: Settings) -> None:
    """Run the namer until it is told to stop; ends the process.

    Raises:
        SettingsError: A setting is wrong, a topic is missing, topics do not fit together, or the
            port is taken.
        BrokerError: No broker answers.
        ModelError: The encoder or the soft prompt cannot be opened.
    """
    namer = choose_namer(settings)
    topics = Topics.of(settings)
    side_by_side(settings, topics.requests, topics.names)
    run_service(create_namer(settings, namer), settings)
