"""`journeys monitor`: the page to look at, and the HTTP API to ask."""

import click

from streams.cli.commands import examples
from streams.cli.options import BROKER, with_settings
from streams.settings import Settings


@click.command(
    epilog=examples(
        "journeys monitor --broker kafka:9092",
        "curl 'http://127.0.0.1:6069/api/journeys?user=u068&at=2024-03-01T00:00:00Z'",
        "curl -N 'http://127.0.0.1:6069/api/changes/live?user=u068'",
    )
)
@with_settings(
    *BROKER, "group", "activities_topic", "store", "data_dir", "encoder", "web_host", "web_port"
)
def command(settings: Settings) -> None:
    """Run the monitor: a page of people and their journeys, live, and an HTTP API beside it.

    It reads `journeys` and `journey-changes` into a store of its own, and needs nothing else. The
    API's description is at /schema.
    """
    from streams.monitor.app import run  # the web framework takes a moment: not for --help

    if settings.log_format == "json":
        run(settings)
    else:
        run(settings, lambda url: click.echo(url, err=True))
