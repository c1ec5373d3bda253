"""`journeys namer`: the service that names journeys."""

import click

from streams.cli.commands import examples
from streams.cli.options import BROKER, with_settings
from streams.settings import Settings


@click.command(
    epilog=examples(
        "journeys namer --broker kafka:9092 --vllm-url http://vllm:8000",
        "JOURNEYS_VLLM_URL=http://vllm:8000 JOURNEYS_VLLM_API_KEY=… journeys namer",
        "journeys namer --vllm-url http://vllm:8000 --vllm-model names --naming-prompt plain",
    )
)
@with_settings(
    *BROKER,
    "group",
    "session_timeout",
    "rebalance_timeout",
    "encoder",
    "encoder_threads",
    "vllm_url",
    "vllm_model",
    "naming_prompt",
    "naming_weights",
    "naming_candidates",
    "sensitive_journeys",
    "sensitive_subjects",
    "naming_concurrency",
    "naming_timeout",
    "web_host",
    "web_port",
)
def command(settings: Settings) -> None:
    """Run the namer: naming-requests in, journey-names out.

    Names come from the vLLM server at JOURNEYS_VLLM_URL. While it does not answer, requests wait.
    Without a url, journeys keep their keyword names.
    """
    from streams.namer.app import run  # Faust takes a second to import: not for --help

    run(settings)
