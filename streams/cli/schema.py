"""`journeys schema`: what is on the topics, for writers of producers and consumers."""

import json

import click

from streams.cli.commands import examples
from streams.cli.options import with_settings
from streams.settings import Settings


@click.command(
    epilog=examples(
        "journeys schema > asyncapi.json",
        "journeys schema --message JourneyChange > change.schema.json",
        "journeys schema --topic-prefix prod- --output-format json-binary",
    )
)
@with_settings("topic_prefix", "activities_topic", "output_format")
@click.option("--message", metavar="NAME", help="only this message, as a JSON Schema")
def command(settings: Settings, message: str | None) -> None:
    """Print an AsyncAPI 3 document of the topics and their messages; types can be made of it."""
    from streams.formats import asyncapi

    if message is None:
        found = asyncapi.document(settings)
    elif message in (names := asyncapi.messages(settings)):
        found = asyncapi.json_schema(settings, message)
    else:
        raise click.BadParameter(f"{message}: none of {', '.join(names)}", param_hint="--message")
    click.echo(json.dumps(found, indent=2))
