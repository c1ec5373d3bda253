"""What names cost: calls a journey over its life, the shared prefix, names/s beside vLLM's bench.

`python -m load_tests.naming --vllm-url http://localhost:8000 [--bench-python ~/…/venv/bin/python]`

The requests are those of the sample's journeys. The client runs first; the server's own counters
say how many tokens that took. Then vLLM's benchmark sends as many requests with as many tokens
(random ones), as many answers to each and as many requests at once.
"""

import asyncio
import json
import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

import click
import httpx
from rich.console import Console

from load_tests.command import json_option, save, start
from models.encoders.cache import VectorCache
from models.encoders.encoder import Encoder
from models.errors import JourneysError
from models.naming.answers import Policy
from models.naming.choice import choose
from models.naming.client import Completion, VllmClient
from models.naming.prompt import messages
from models.naming.titles import Evidence
from models.records import NamingRequest, encode
from streams.demo.sample.generator import generate
from streams.replay import Replay
from streams.settings import Settings

CACHED = 100_000  # vectors; the sample has fewer titles
LINES = 1_000
COUNTERS = (
    "prompt_tokens",
    "generation_tokens",
    "prefix_cache_queries",
    "prefix_cache_hits",
    "request_success",
)
# The command of some builds fails for want of its package's name; its module does not.
BENCH = (
    "from vllm.benchmarks.serve import add_cli_args, main\n"
    "from vllm.utils.argparse_utils import FlexibleArgumentParser\n"
    "parser = FlexibleArgumentParser()\nadd_cli_args(parser)\nmain(parser.parse_args())\n"
)


@click.command(help=__doc__)
@click.option(
    "--vllm-url",
    help="of a server that does nothing else; without it, only calls a journey are counted",
)
@click.option(
    "--bench-python",
    type=click.Path(exists=True, dir_okay=False),
    help="a Python that has vLLM: runs its benchmark, too",
)
@click.option("--tokenizer", help="folder of the served model, for the benchmark")
@click.option("--requests", "count", default=32, show_default=True)
@click.option("--candidates", default=4, show_default=True)
@click.option("--concurrency", default=8, show_default=True)
@json_option
def main(
    vllm_url: str | None,
    bench_python: str | None,
    tokenizer: str | None,
    count: int,
    candidates: int,
    concurrency: int,
    json_to: Path | None,
) -> None:
    console = Console()
    requests, results = calls_of_the_sample()
    console.print(
        f"{results['journeys']} journeys, {results['requests']} naming requests: "
        f"{results['calls_per_journey']:.2f} a journey"
    )
    if vllm_url:
        asked = [requests[place % len(requests)] for place in range(count)]
        ours = asyncio.run(
            client_run(vllm_url, list(map(Evidence.of, asked)), candidates, concurrency)
        )
        results["client"] = ours
        results["calls_per_journey"] *= 1 + ours["asked_again"]
        console.print(
            f"{ours['asked_again']:.0%} asked again, as no answer could be published: "
            f"{results['calls_per_journey']:.2f} calls a journey"
        )
        console.print(
            f"client: {ours['names_per_second']:.2f} names/s, "
            f"{ours['prompt']:.0f} tokens a prompt, {ours['cached']:.0%} of them cached, "
            f"{ours['generated']:.0f} generated a request"
        )
        if bench_python:
            results["bench"] = bench(
                bench_python, vllm_url, tokenizer, ours, count, candidates, concurrency
            )
            results["ratio"] = ours["names_per_second"] / results["bench"]
            console.print(
                f"vLLM's bench: {results['bench']:.2f} requests/s; "
                f"ours are {results['ratio']:.2f} of that"
            )
    save(results, json_to)


def calls_of_the_sample() -> tuple[list[NamingRequest], dict[str, Any]]:
    """The naming requests of the sample's journeys over sixteen months, and how many a journey."""
    settings = Settings.load()
    encoder = Encoder.open(settings.encoder)
    replay = Replay(settings.engine(encoder), VectorCache(encoder, CACHED))
    lines = [encode(activity) for activity in generate().activities]
    batches = (lines[start : start + LINES] for start in range(0, len(lines), LINES))
    outcomes = [outcome for step in replay.run(batches) for outcome in step.outcomes]
    requests = [request for outcome in outcomes for request in outcome.requests]
    kinds = Counter(change.kind for outcome in outcomes for change in outcome.changes)
    return requests, {
        "journeys": kinds["started"],
        "requests": len(requests),
        "calls_per_journey": len(requests) / max(1, kinds["started"]),
    }


async def client_run(
    url: str, journeys: Sequence[Evidence], candidates: int, concurrency: int
) -> dict[str, float]:
    """Names by our client as fast as they come; tokens are means over requests."""
    client = VllmClient(url, concurrency=concurrency, timeout=600.0)

    def ask(journey: Evidence) -> Coroutine[Any, Any, Completion]:
        return client.complete(messages(journey), candidates, journey.numbers)

    await ask(journeys[0])  # the prefix and the schema are known from here on
    before = counters(url)
    began = time.perf_counter()
    completions = await asyncio.gather(*map(ask, journeys))
    took = time.perf_counter() - began
    await client.close()
    spent = {name: value - before[name] for name, value in counters(url).items()}
    if not all(completion.answers for completion in completions):
        raise JourneysError("some requests brought no name: the speed would say nothing")
    encoder = Encoder.open("fast")
    refused = [
        choose(completion.answers, journey, Policy(), encoder).name is None
        for completion, journey in zip(completions, journeys, strict=True)
    ]
    return {
        "names_per_second": len(journeys) / took,
        "seconds": took,
        "asked_again": sum(refused) / len(refused),
        "prompt": spent["prompt_tokens"] / len(journeys) / candidates,  # counted for each
        "shared": _shared(journeys),
        "cached": spent["prefix_cache_hits"] / max(1, spent["prefix_cache_queries"]),
        "generated": spent["generation_tokens"] / len(journeys),
    }


def _shared(journeys: Sequence[Evidence]) -> float:
    """The share of prompts, by their letters, that is the same in all of them."""
    chats = [[len(turn["content"]) for turn in messages(journey)] for journey in journeys]
    return sum(sum(chat[:-1]) for chat in chats) / sum(map(sum, chats))


def counters(url: str) -> dict[str, float]:
    """The server's own counts since its start."""
    text = httpx.get(f"{url.removesuffix('/v1')}/metrics", timeout=30.0).raise_for_status().text
    return {
        name: sum(map(float, re.findall(rf"^vllm:{name}_total\{{.*\}} (\S+)$", text, re.M)))
        for name in COUNTERS
    }


def bench(
    python: str,
    url: str,
    tokenizer: str | None,
    ours: dict[str, float],
    count: int,
    candidates: int,
    concurrency: int,
) -> float:
    """Requests/s of vLLM's benchmark at the same token counts.

    Raises:
        JourneysError: It fails.
    """
    shared = round(ours["prompt"] * ours["shared"])
    with tempfile.TemporaryDirectory() as folder:
        options = {
            "backend": "openai",
            "base-url": url,
            "endpoint": "/v1/completions",
            "dataset-name": "random",
            "random-prefix-len": shared,
            "random-input-len": round(ours["prompt"]) - shared,
            "random-output-len": round(ours["generated"] / candidates),
            "num-prompts": count,
            "num-warmups": 1,
            "max-concurrency": concurrency,
            "extra-body": json.dumps({"n": candidates, "temperature": 0.4}),
            "result-dir": folder,
            "result-filename": "result.json",
        } | ({"tokenizer": tokenizer} if tokenizer else {})
        model = httpx.get(f"{url}/v1/models", timeout=30.0).json()["data"][0]["id"]
        arguments = [f"--{name}={value}" for name, value in ({"model": model} | options).items()]
        ran = subprocess.run(
            [
                python,
                "-c",
                BENCH,
                *arguments,
                "--ignore-eos",
                "--save-result",
                "--save-detailed",
                "--disable-tqdm",
            ],
            capture_output=True,
            text=True,
        )
        path = Path(folder) / "result.json"
        if ran.returncode or not path.exists():
            raise JourneysError(f"vLLM's benchmark failed: {ran.stderr.strip()[-400:]}")
        result = json.loads(path.read_text())
        if result["failed"]:
            errors = [error for error in result.get("errors", []) if error]
            raise JourneysError(
                f"{result['failed']} of the benchmark's requests failed: "
                f"{(errors or ['no reason given'])[0][-400:]}"
            )
        return float(result["request_throughput"])


if __name__ == "__main__":
    start(main)
