"""`journeys mcp`: an assistant's way to ask."""

import click

from streams.cli.commands import examples
from streams.cli.extras import need_extra
from streams.cli.options import BROKER, with_settings
from streams.settings import Settings


@click.command(epilog=examples("journeys mcp --broker kafka:9092"))
@with_settings(*BROKER, "store", "data_dir")
def command(settings: Settings) -> None:
    """Run an MCP server on standard input and output (extra `mcp`).

    An assistant's configuration names this command; it then asks for a person's interests by
    itself, and gets them in at most 700 tokens.
    """
    # Reading the topics takes a second to import: not for --help.
    from streams.cli.asking import caught_up
    from streams.query.follow import Follower

    need_extra("mcp", "mcp")
    from streams.monitor.assistant import create_server

    with caught_up(settings) as store:
        create_server(store, lambda: Follower(settings, store).catch_up()).run()
