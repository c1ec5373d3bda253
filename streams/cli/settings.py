"""`journeys settings`: the table of settings that stands in streams/README.md."""

from pathlib import Path

import click

from models.errors import JourneysError
from streams.cli.commands import examples
from streams.cli.options import shown_default
from streams.settings import Settings
from streams.settings.engine import state_folder
from streams.settings.sources import PREFIX


@click.command(epilog=examples("journeys settings", "journeys settings --check streams/README.md"))
@click.option(
    "--check",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="fail when this file does not hold the table as it is now",
)
def command(check: Path | None) -> None:
    """Print every setting as a Markdown table."""
    if check is None:
        click.echo(table())
    elif table() not in check.read_text(encoding="utf-8"):
        raise JourneysError(f"{check} does not hold the table that `journeys settings` prints")


def table() -> str:
    """The settings as a Markdown table, without a line break at its end."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        # The same table on every machine, wherever its user's folders are.
        default = shown_default(field).replace(str(state_folder().parent), "$XDG_STATE_HOME")
        shown = f"`{default}`" if default else ""
        rows.append(f"| `{PREFIX}{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(rows)
