"""The paper's naming experiments: techniques side by side, and what makes names better.

techniques  keywords, few-shot, prompt-tuned, fine-tuned
questions   one answer or the best of several; titles or keywords; one call a journey or one for
            all; how many titles
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from models.evaluation.naming.cases import Case
from models.evaluation.naming.methods import (
    Method,
    all_in_one,
    by_namer,
    human,
    names,
    only_keywords,
    only_titles,
)
from models.evaluation.naming.scores import Named, Score, score
from models.naming.api import Api
from models.naming.choice import TextEncoder
from models.naming.client import VllmClient
from models.naming.namer import KeywordNamer, VllmNamer
from models.naming.prompt import Prompt, messages, plain
from models.naming.soft import SoftPrompt
from models.naming.titles import Evidence

DEPTHS: Final = (2, 10, 16)  # titles shown; the engine keeps five

Progress = Callable[[str, int], Callable[[int], None]]


class Server(msgspec.Struct, frozen=True):
    """What is served.

    Attributes:
        url: Base url.
        model: The base model; None: the first one.
        adapter: Name of the fine-tuned one; None: it is left out.
        soft_prompt: Folder of a soft prompt; None: it is left out.
        weights: Folder of the base model; None: where the soft prompt was tuned.
        api_key: Bearer token.
        candidates: Answers asked for at once.
        concurrency: Requests at once.
        timeout: Seconds until one is given up.
    """

    url: str
    model: str | None
    adapter: str | None
    soft_prompt: Path | None
    weights: Path | None
    api_key: str | None
    candidates: int
    concurrency: int
    timeout: float


class Row(msgspec.Struct, frozen=True):
    """One method's names and how good they are."""

    experiment: str
    method: str
    score: Score
    users: list[list[Named]]


async def evaluate(
    users: Sequence[Sequence[Case]],
    fewer: int,
    server: Server | None,
    encoder: TextEncoder,
    progress: Progress,
) -> list[Row]:
    """Run all experiments.

    Args:
        users: Whose journeys are named.
        fewer: Users of the experiments on questions, which compare few-shot with itself.
        server: None: keywords only.
        encoder: Chooses among answers and judges names.
        progress: (what, how many journeys) → tick.

    Raises:
        NamingError: The server fails.
        ModelError: The soft prompt cannot be used.
    """
    rows: list[Row] = []

    async def run(
        experiment: str, name: str, method: Method, whose: Sequence[Sequence[Case]]
    ) -> None:
        done = await names(whose, method, progress(name, sum(map(len, whose))))
        rows.append(Row(experiment, name, score(done, encoder), done))

    await run("technique", "human", human, users)
    await run("technique", "keywords", by_namer(KeywordNamer()), users)
    if server is None:
        return rows
    namers: list[VllmNamer] = []

    def asking(
        prompt: Callable[[Evidence], Prompt] = messages,
        depth: int | None = None,
        candidates: int = server.candidates,
        model: str | None = server.model,
    ) -> Method:
        client = VllmClient(
            server.url,
            model=model,
            api_key=server.api_key,
            concurrency=server.concurrency,
            timeout=server.timeout,
        )
        namers.append(VllmNamer(client, candidates=candidates, encoder=encoder, prompt=prompt))
        return by_namer(namers[-1], **({} if depth is None else {"depth": depth}))

    asked: list[tuple[str, Callable[[Evidence], Prompt], str | None]] = [
        ("few-shot", messages, server.model)
    ]
    if server.soft_prompt is not None:
        soft = SoftPrompt(server.soft_prompt, server.weights)
        asked.append(("prompt-tuned", soft, server.model))
    if server.adapter is not None:
        asked.append(("fine-tuned", plain, server.adapter))
    api = Api(
        server.url, api_key=server.api_key, connections=server.concurrency, timeout=server.timeout
    )
    try:
        for name, prompt, model in asked:
            await run("technique", name, asking(prompt, model=model), users)
        few = users[:fewer]
        if not few:
            return rows
        for name, prompt, model in asked:
            await run("one answer", name, asking(prompt, model=model, candidates=1), few)
        await run("input", "titles only", asking(only_titles), few)
        await run("input", "keywords only", asking(only_keywords), few)
        await run(
            "calls", "one for all", all_in_one(api, server.model, encoder, server.concurrency), few
        )
        for depth in DEPTHS:
            await run("depth", f"{depth} titles", asking(depth=depth), few)
    finally:
        await api.close()
        for namer in namers:
            await namer.close()
    return rows
