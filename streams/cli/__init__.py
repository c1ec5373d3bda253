"""The `journeys` command: one module of this package per sub-command, loaded when asked for."""

import click

from streams.cli.commands import Commands, examples


@click.group(
    cls=Commands,
    package=__name__,
    summaries={
        "demo": "Run everything on a sample, on an embedded broker.",
        "replay": "Run the engine alone over a file: activities in, changes out.",
        "worker": "Run the worker: activity-events in, journey-changes out.",
        "intake": "Run the intake: events of any form and key in, activity-events out.",
        "namer": "Run the namer: names journeys by a vLLM server.",
        "users": "Run the service of users' rows: journeys in, user-journeys out.",
        "topics": "Make the Kafka topics, or see what is in them.",
        "map": "See what a mapping makes of your events, or begin one.",
        "produce": "Send activities from a file to activity-events.",
        "backfill": "Send a history to activity-events, then what the live topic holds.",
        "rejects": "See what was rejected, or send it again.",
        "verify": "Prove that nothing was lost, doubled or invented.",
        "erase": "Have all forgotten that is known of users.",
        "state": "Move users' state: to other partitions, another cluster or encoder.",
        "watch": "Print journey changes as they come.",
        "webhook": "Run the webhook: sends changes to an HTTP endpoint, signed.",
        "monitor": "Run the page to look at, and the HTTP API to ask.",
        "show": "Show a user's journeys, now or at a time.",
        "history": "Show all that happened to a journey.",
        "mcp": "Run an MCP server: a user's interests for an assistant.",
        "evaluate": "Measure how well journeys are found and named.",
        "tune": "Fit the encoder to your titles; train the naming model.",
        "schema": "Print what is on the topics, as AsyncAPI or JSON Schema.",
        "settings": "Print every setting as a Markdown table.",
    },
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("journeys demo --once", "journeys worker --broker kafka:9092"),
)
@click.version_option(package_name="interest-journeys")
def main() -> None:
    """Live, named interest journeys from each user's activity. Kafka in, Kafka out."""
