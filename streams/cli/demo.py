"""`journeys demo`: everything at once, on one machine, on the bundled sample."""

import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, NoReturn, Self

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from models.decoding import decode_change
from models.errors import JourneysError
from models.records import encode
from streams.cli import examples
from streams.cli.common import with_settings
from streams.cli.produce import sender
from streams.cli.render import ChangeLines
from streams.demo.broker import EmbeddedBroker, free_port
from streams.demo.children import Child
from streams.demo.ledger import Ledger
from streams.demo.report import report
from streams.demo.sample.generator import Sample, generate
from streams.kafka import admin
from streams.settings import Settings

LIVE_RATE: Final = 200  # activities a second when somebody is watching: half a minute in all
SHOWN_EVERY: Final = 50  # activities sent between two looks at what came
POLL_SECONDS: Final = 0.2
STALL_SECONDS: Final = 60.0  # a cold start with its group join takes ten
NAMING_SECONDS: Final = 30.0  # without any answer; one answer takes a few seconds on a CPU


@click.command(
    epilog=examples(
        "journeys demo --once",
        "journeys demo",
        "JOURNEYS_VLLM_URL=http://localhost:8000 journeys demo --once",
    )
)
@click.option("--once", is_flag=True, help="end when the sample is through; else go on, live")
@with_settings(
    "partitions",
    "encoder",
    "window_days",
    "promote_windows",
    "promote_activities",
    "vllm_url",
    "vllm_model",
)
def command(settings: Settings, once: bool) -> None:
    """Run everything on a sample, on an embedded broker: nothing else is needed.

    Starts a broker in memory, makes the topics, starts a worker and a namer, sends sixteen months
    of activity of two dozen people, prints journey changes as they come, and at the end each
    person's journeys. Names are made of keywords unless a vLLM server is given.
    """
    signal.signal(signal.SIGTERM, _terminated)
    sample = generate()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="journeys-demo-")))
        broker = stack.enter_context(EmbeddedBroker()).address
        settings = settings.model_copy(
            update={
                "broker": broker,
                "topic_prefix": "",
                "replication": 1,
                "standby_replicas": 0,
                "store": "memory",
                "data_dir": folder,
                "web_host": "127.0.0.1",
            }
        )
        admin.create(settings)
        children = [
            stack.enter_context(
                Child(name, settings.model_copy(update={"web_port": free_port()}), folder)
            )
            for name in ("worker", "namer")
        ]
        click.echo(f"broker at {broker}, worker and namer joining (about ten seconds)")
        if not once:
            click.echo(
                f"  watch it from elsewhere:  journeys watch --broker {broker}\n"
                f"  send it more:             journeys produce FILE --broker {broker}"
            )
        ledger = stack.enter_context(Ledger.opened(settings, sample))
        with _Show(settings, ledger, children, len(sample.activities)) as show:
            if not once:
                show.until_ready()
            _send(settings, sample, show, None if once else LIVE_RATE)
            show.until_changes_are_in()
            show.until_names_are_in()
        report(settings, ledger, sample)
        if not once:  # and what others have sent is here as well
            click.echo("live until Ctrl-C")
            with suppress(KeyboardInterrupt):
                show.forever()
        elif ledger.unexpected:
            raise JourneysError(
                f"{len(ledger.unexpected)} changes came that `journeys replay` "
                f"does not give, such as {min(ledger.unexpected)}"
            )


def _send(settings: Settings, sample: Sample, show: "_Show", rate: float | None) -> None:
    """Send the sample, at most `rate` activities a second, and show what comes meanwhile."""
    start = time.monotonic()
    with sender(settings) as send:
        for number, activity in enumerate(sample.activities, 1):
            send(activity["user_id"].encode(), encode(activity))
            show.sent(number)
            if number % SHOWN_EVERY == 0:
                ahead = number / rate - (time.monotonic() - start) if rate else 0.0
                show.poll(max(ahead, 0.0))


class _Show:
    """Prints changes as they come; on a terminal with bars for how far it is.

    Raises:
        JourneysError: A child ended, or nothing has come for too long (from all methods).
    """

    def __init__(
        self, settings: Settings, ledger: Ledger, children: Sequence[Child], activities: int
    ) -> None:
        self._ledger = ledger
        self._children = children
        self._lines = ChangeLines()
        self._console = Console()
        self._bars = Progress(
            TextColumn("{task.description:<8}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._sent = self._bars.add_task("sent", total=activities)
        self._came = self._bars.add_task("changes", total=None)
        self._names = self._bars.add_task(
            "names", total=len(ledger.wanted), visible=settings.vllm_url is not None
        )
        self._progress: tuple[int, ...] = ()
        self._progress_at = time.monotonic()

    def __enter__(self) -> Self:
        """Show the bars."""
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bars away."""
        self._bars.stop()

    def until_ready(self) -> None:
        """Go on until the worker is ready, so that what is sent is handled at once."""
        while not self._children[0].is_ready():
            self.poll(POLL_SECONDS)
            self._check_silence("the worker is not ready")

    def sent(self, number: int) -> None:
        """Tell how many activities were sent."""
        self._bars.update(self._sent, completed=number)

    def poll(self, seconds: float) -> None:
        """Print what comes, waiting at most so long for it."""
        self._print(self._ledger.poll(seconds))
        for child in self._children:
            child.check()
        if self._ledger.progress != self._progress:
            self._progress, self._progress_at = self._ledger.progress, time.monotonic()
            self._bars.update(
                self._names,
                total=len(self._ledger.wanted),
                completed=len(self._ledger.wanted) - self._ledger.unanswered,
            )

    def until_changes_are_in(self) -> None:
        """Go on until the sample's changes are all there."""
        while not self._ledger.changes_are_in:
            self.poll(POLL_SECONDS)
            missing = len(self._ledger.expected - self._ledger.seen)
            self._check_silence(f"{missing} changes have not come")

    def until_names_are_in(self) -> None:
        """Go on until all names are there; without a server's answers keyword names stay."""
        while not self._ledger.names_are_in:
            self.poll(POLL_SECONDS)
            if self._silent() > NAMING_SECONDS:
                click.echo(
                    f"{self._ledger.unanswered} names have not come: those journeys keep "
                    "their keyword names",
                    err=True,
                )
                break
        self._print(self._ledger.drain())

    def forever(self) -> None:
        """Go on until interrupted."""
        while True:
            self.poll(POLL_SECONDS)

    def _silent(self) -> float:
        return time.monotonic() - self._progress_at

    def _check_silence(self, what: str) -> None:
        if self._silent() > STALL_SECONDS:
            logs = "; ".join(f"{child.name}: {child.last_line()}" for child in self._children)
            raise JourneysError(
                f"{what}, and nothing has happened for {STALL_SECONDS:.0f} s ({logs})"
            )

    def _print(self, changes: Sequence[bytes]) -> None:
        for value in changes:
            line = self._lines.line(decode_change(value))
            if self._console.is_terminal:
                self._console.print(line, no_wrap=True, overflow="ellipsis")
            else:
                click.echo(line.plain)
        if changes:
            expected = self._ledger.expected
            self._bars.update(
                self._came, total=len(expected), completed=len(expected & self._ledger.seen)
            )


def _terminated(*_: object) -> NoReturn:
    """On SIGTERM: leave as on an error, so that the children are stopped."""
    sys.exit(128 + signal.SIGTERM)
