"""`journeys demo`: everything at once, on one machine, on the bundled sample."""

import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final, NoReturn

import click
from rich.console import Console

from models.decoding import decode_change
from models.errors import JourneysError
from models.records import encode
from streams.cli.commands import examples
from streams.cli.options import with_settings
from streams.cli.progress import bars
from streams.cli.render import ChangePrinter
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.demo.run import Run
    from streams.ledger.arrived import Arrived

LIVE_RATE: Final = 200  # activities a second when somebody is watching: half a minute in all


@click.command(
    epilog=examples(
        "journeys demo --once",
        "journeys demo",
        "journeys demo --sample | journeys produce - --rate 50",
        "JOURNEYS_VLLM_URL=http://localhost:8000 journeys demo --once",
    )
)
@click.option("--once", is_flag=True, help="end when the sample is through; else go on, live")
@click.option(
    "--sample", "sample_only", is_flag=True, help="print the sample's activities, and end"
)
@with_settings(
    "partitions",
    "encoder",
    "window_days",
    "promote_windows",
    "promote_activities",
    "repeated_items",
    "vllm_url",
    "vllm_model",
)
def command(settings: Settings, once: bool, sample_only: bool) -> None:
    """Run everything on a sample, on an embedded broker: nothing else is needed.

    Starts a broker in memory, makes the topics, starts a worker and a namer, sends sixteen months
    of activity of two dozen people, shows a page of people and their journeys as they come, prints
    each change, and at the end each person's journeys. Names are made of keywords unless a vLLM
    server is given. With --once there is no page.
    """
    from streams.demo.sample.generator import generate

    if sample_only:
        for activity in generate().activities:
            click.echo(encode(activity))
        return
    # The engine's compiler and the encoder take a second to import: not for --help.
    from models.encoders.cache import VectorCache
    from streams.demo.report import report
    from streams.demo.run import Run, started
    from streams.encoding import encoder_of
    from streams.ledger.arrived import Arrived
    from streams.ledger.expected import Expected

    signal.signal(signal.SIGTERM, _terminated)
    sample = generate()
    with started(settings, watched=not once) as (settings, children):
        broker = settings.broker
        click.echo(f"broker at {broker}, worker and namer joining (about ten seconds)")
        if not once:
            click.echo(
                f"  open the page:            {children[-1].url('/')}\n"
                f"  watch it from elsewhere:  journeys watch --broker {broker}\n"
                f"  send it more:             journeys produce FILE --broker {broker}"
            )
        console = Console()
        printer = ChangePrinter(console)
        expected = Expected(settings, VectorCache(encoder_of(settings), settings.cached_vectors))
        expected.send((one["user_id"].encode(), encode(one)) for one in sample.activities)
        with Arrived.opened(settings, expected) as arrived:
            run = Run(settings, sample, arrived, children)
            with closing(run.through(None if once else LIVE_RATE)) as changes:
                names = settings.vllm_url is not None
                shown = _with_bars(changes, console, run, arrived, len(sample.activities), names)
                _print(shown, printer)
            if not arrived.names_are_in:
                click.echo(
                    f"{arrived.unanswered} names have not come: those journeys keep their keyword "
                    "names",
                    err=True,
                )
            report(settings, arrived, sample)
            if not once:  # and what others have sent is here as well
                click.echo("live until Ctrl-C")
                with suppress(KeyboardInterrupt):
                    _print(run.on(), printer)
            elif unexpected := arrived.foreign | arrived.altered:
                raise JourneysError(
                    f"{len(unexpected)} changes came that `journeys replay` "
                    f"does not give, such as {min(unexpected)}"
                )


def _print(changes: Iterable[list[bytes]], printer: ChangePrinter) -> None:
    for values in changes:
        for value in values:
            printer.print(decode_change(value))


def _with_bars(
    changes: Iterable[list[bytes]],
    console: Console,
    run: "Run",
    arrived: "Arrived",
    activities: int,
    names: bool,
) -> Iterator[list[bytes]]:
    """The same changes; on a terminal with bars for how far it is."""
    with bars(console) as progress:
        sent = progress.add_task("sent", total=activities)
        came = progress.add_task("changes", total=arrived.came + len(arrived.missing))
        named = progress.add_task("names", total=len(arrived.wanted), visible=names)
        for values in changes:
            yield values
            progress.update(sent, completed=run.sent)
            progress.update(came, completed=arrived.came)
            wanted = len(arrived.wanted)
            progress.update(named, total=wanted, completed=wanted - arrived.unanswered)


def _terminated(*_: object) -> NoReturn:
    """On SIGTERM: leave as on an error, so that the children are stopped."""
    sys.exit(128 + signal.SIGTERM)
