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
    from streams.demo.ledger import Ledger
    from streams.demo.run import Run

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
    from streams.demo.ledger import Ledger
    from streams.demo.report import report
    from streams.demo.run import Run, started

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
        with Ledger.opened(settings, sample) as ledger:
            run = Run(settings, sample, ledger, children)
            with closing(run.through(None if once else LIVE_RATE)) as changes:
                names = settings.vllm_url is not None
                shown = _with_bars(changes, console, run, ledger, len(sample.activities), names)
                _print(shown, printer)
            if not ledger.names_are_in:
                click.echo(
                    f"{ledger.unanswered} names have not come: those journeys keep their keyword "
                    "names",
                    err=True,
                )
            report(settings, ledger, sample)
            if not once:  # and what others have sent is here as well
                click.echo("live until Ctrl-C")
                with suppress(KeyboardInterrupt):
                    _print(run.on(), printer)
            elif ledger.unexpected:
                raise JourneysError(
                    f"{len(ledger.unexpected)} changes came that `journeys replay` "
                    f"does not give, such as {min(ledger.unexpected)}"
                )


def _print(changes: Iterable[list[bytes]], printer: ChangePrinter) -> None:
    for values in changes:
        for value in values:
            printer.print(decode_change(value))


def _with_bars(
    changes: Iterable[list[bytes]],
    console: Console,
    run: "Run",
    ledger: "Ledger",
    activities: int,
    names: bool,
) -> Iterator[list[bytes]]:
    """The same changes; on a terminal with bars for how far it is."""
    with bars(console) as progress:
        sent = progress.add_task("sent", total=activities)
        came = progress.add_task("changes", total=len(ledger.expected))
        named = progress.add_task("names", total=len(ledger.wanted), visible=names)
        for values in changes:
            yield values
            progress.update(sent, completed=run.sent)
            progress.update(came, completed=len(ledger.expected & ledger.seen))
            wanted = len(ledger.wanted)
            progress.update(named, total=wanted, completed=wanted - ledger.unanswered)


def _terminated(*_: object) -> NoReturn:
    """On SIGTERM: leave as on an error, so that the children are stopped."""
    sys.exit(128 + signal.SIGTERM)
