"""`journeys webhook`: the service that sends changes to an HTTP endpoint."""

import click

from streams.cli.commands import examples
from streams.cli.options import BROKER, with_settings
from streams.settings import Settings


@click.command(
    epilog=examples(
        "export JOURNEYS_WEBHOOK_URL=https://example.com/hook JOURNEYS_WEBHOOK_SECRET=whsec_…",
        "journeys webhook --webhook-kinds started,named,ended --webhook-confidence 0.8",
        "journeys webhook --webhook-users 'tenant-a:*' --webhook-per-day 3",
        "journeys webhook --undelivered",
    )
)
@with_settings(
    *BROKER,
    "group",
    "session_timeout",
    "rebalance_timeout",
    "registry_url",
    "data_dir",
    "store",
    "webhook_http",
    "webhook_kinds",
    "webhook_names",
    "webhook_users",
    "webhook_confidence",
    "webhook_per_day",
    "webhook_concurrency",
    "webhook_timeout",
    "webhook_retry_seconds",
    "web_host",
    "web_port",
)
@click.option(
    "--from-beginning", is_flag=True, help="the first time, send what is there already, too"
)
@click.option(
    "--undelivered",
    is_flag=True,
    help="send once more what lies on webhook-undelivered, and end; run again, it goes on",
)
def command(settings: Settings, from_beginning: bool, undelivered: bool) -> None:
    """Run the webhook: journey-changes in, signed requests to an HTTP endpoint out.

    Url and secret are JOURNEYS_WEBHOOK_URL and JOURNEYS_WEBHOOK_SECRET, or stand in files that
    these names with _FILE behind them name. What cannot be delivered goes to webhook-undelivered.
    """
    if undelivered:
        from streams.webhook.resend import resend

        resent = resend(settings)
        click.echo(f"delivered {resent.delivered:,}, refused again {resent.refused:,}")
        return
    from streams.webhook.app import run  # Faust takes a second to import: not for --help

    run(settings, from_beginning=from_beginning)
