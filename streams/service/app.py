"""What the Faust services (worker, namer, intake, webhook, users) have in common: start and end.

Names are given to everything that Faust would name after a Python path, so that no module's place
is on the wire.
"""

import asyncio
import logging
import os
import socket
from typing import Any, Final, NoReturn

import faust
from faust.app import BootStrategy

from models.errors import BrokerError, JourneysError, StalledError
from streams.kafka.preflight import refusal
from streams.kafka.quiet import calm
from streams.kafka.security import Security
from streams.service import logs
from streams.service.ending import end_by_force
from streams.service.endpoint import Endpoint
from streams.service.tracing import NO_TRACING, Tracing
from streams.settings import Settings

COMMIT_SECONDS: Final = 1.0
HEARTBEATS: Final = 6  # in the time after which a silent member's partitions may move


class Boot(BootStrategy):
    """Faust's start, with the endpoint first: it must answer while state is recovered."""

    def sensors(self) -> Any:
        """Faust's hook."""
        return [*super().sensors(), self.app.health]  # type: ignore[attr-defined]


class ServiceApp(faust.App):
    """An app with an endpoint.

    Attributes:
        health: The endpoint.
        tracing: Makes its traces.
        ended_by: What it was crashed with first, if it was.
    """

    BootStrategy = Boot
    health: Endpoint
    tracing: Tracing = NO_TRACING
    ended_by: BaseException | None = None

    async def crash(self, reason: BaseException) -> None:
        """Faust's; what falls with it may crash with reasons of its own, which are none."""
        self.ended_by = self.ended_by or reason
        if isinstance(reason, StalledError):
            end_by_force(reason)
        await super().crash(reason)

    def _create_directories(self) -> None:
        """Faust's are not used; the stores make theirs."""


class _ClientBoot(Boot):
    enable_kafka = False


class ClientApp(ServiceApp):
    """An app that reads and writes by clients of its own, and by none of Faust's."""

    BootStrategy = _ClientBoot

    async def _wait_for_table_recovery_completed(self) -> bool:
        """Faust's: there are no tables."""
        return False


def faust_settings(settings: Settings, group: str, scheme: str) -> dict[str, Any]:
    """Faust's settings that the services share.

    Args:
        settings: Ours.
        group: Consumer group.
        scheme: Of the broker's urls: which transport is used.
    """
    moves_after = min(settings.session_timeout, settings.rebalance_timeout)
    return {
        "broker": ";".join(f"{scheme}://{address}" for address in settings.broker.split(",")),
        "broker_credentials": Security.of(settings).faust(),
        "broker_client_id": f"{group}-{socket.gethostname()}-{os.getpid()}",
        "broker_commit_interval": COMMIT_SECONDS,
        "broker_heartbeat_interval": moves_after / HEARTBEATS,
        "broker_rebalance_timeout": settings.rebalance_timeout,
        "broker_session_timeout": settings.session_timeout,
        "broker_request_timeout": max(30.0, 2 * settings.session_timeout),
        "producer_acks": -1,
        "topic_disable_leader": True,
        "store": "memory://",  # of Faust's own; ours is the table's
        "autodiscover": False,
        "web_enabled": False,
        "worker_redirect_stdouts": False,
    }


def run_service(app: ServiceApp, settings: Settings) -> NoReturn:
    """Run an app until it is told to stop; ends the process.

    Raises:
        SettingsError: The endpoint's port is taken.
        JourneysError: What ended it, if nobody told it to.
    """
    app.health.check()
    calm()
    worker = faust.Worker(
        app,
        loglevel=settings.log_level,
        logging_config=logs.configuration(settings.log_level, settings.log_format),
        quiet=True,
        redirect_stdouts=False,
    )
    worker.spinner = None  # it hides a terminal's cursor, and fills a log with codes
    try:
        worker.execute_from_commandline()
    except (SystemExit, asyncio.CancelledError) as end:
        # What ends it while it starts is no crash to Faust: only printed, and exited with.
        printed = end.__context__ if isinstance(end, SystemExit) and end.code else None
        error = app.ended_by or worker.crash_reason or printed
        if error is None:
            raise
        # What is still open ends with the process; its complaints would follow the reason.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        if isinstance(error, JourneysError):
            raise error from None
        if missing := refusal(error):
            who = Security.of(settings).principal
            raise BrokerError(f"the broker at {settings.broker} gives {who} {missing}") from None
        raise JourneysError(f"ended by {type(error).__name__}: {error}") from error
    finally:
        app.tracing.close()
