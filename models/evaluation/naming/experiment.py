"""The paper's naming experiments: techniques side by side, and what makes names better.

N1  techniques: keywords, few-shot, prompt-tuned, fine-tuned; with one answer each, too.
    The paper: tuned is better than few-shot
N2  what is shown: titles or keywords, how many titles. The paper: titles are better
N3  one call a journey, or one for all of a user's. The paper: one a journey is better

Beside them stand names that are known to be bad, which tell whether the measures can be trusted.
"""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from models.evaluation.naming.cases import Case
from models.evaluation.naming.controls import controls
from models.evaluation.naming.fluency import Llama
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
from models.evaluation.naming.unseen import Unseen
from models.naming.api import Api
from models.naming.client import VllmClient
from models.naming.holding import TextEncoder
from models.naming.namer import KeywordNamer, VllmNamer
from models.naming.prompt import Prompt, messages, plain
from models.naming.soft import SoftPrompt
from models.naming.titles import Evidence

TECHNIQUE: Final = "N1 technique"
CONTROL: Final = "control"
FEW_SHOT: Final = "few-shot"
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


class _Names(msgspec.Struct, frozen=True):
    """One method's names."""

    experiment: str
    method: str
    users: list[list[Named]]


async def evaluate(
    users: Sequence[Sequence[Case]],
    fewer: int,
    server: Server | None,
    encoder: TextEncoder,
    judge: Unseen,
    llama: Llama | None,
    progress: Progress,
) -> list[Row]:
    """Run all experiments.

    Args:
        users: Whose journeys are named.
        fewer: Users of the experiments on questions, which compare few-shot with itself.
        server: None: keywords only.
        encoder: Chooses among answers.
        judge: Judges names; of another encoder.
        llama: Says how fluent names are; None: nobody does.
        progress: (what, how many journeys) → tick.

    Raises:
        NamingError: The server fails.
        ModelError: The soft prompt cannot be used.
    """
    done: list[_Names] = []

    async def run(
        experiment: str, name: str, method: Method, whose: Sequence[Sequence[Case]] = users
    ) -> None:
        found = await names(whose, method, progress(name, sum(map(len, whose))))
        done.append(_Names(experiment, name, found))

    await run(TECHNIQUE, "human", human)
    await run(TECHNIQUE, "keywords", by_namer(KeywordNamer()))
    made = [
        _Names(CONTROL, control, bad)
        for row in done
        for control, bad in controls(row.method, row.users).items()
    ]
    if server is not None:
        await _ask(server, users[:fewer], encoder, run, done)
    said = {each.name for row in (*done, *made) for user in row.users for each in user}
    fluency = None if llama is None else llama.fluency(sorted(said))
    return [
        Row(row.experiment, row.method, score(row.users, judge, fluency), row.users)
        for row in (*done, *made)
    ]


async def _ask(
    server: Server,
    few: Sequence[Sequence[Case]],
    encoder: TextEncoder,
    run: Callable[..., Awaitable[None]],
    done: list[_Names],
) -> None:
    """All that needs the server."""
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
        (FEW_SHOT, messages, server.model)
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
            await run(TECHNIQUE, name, asking(prompt, model=model))
        if not few:
            return
        for name, prompt, model in asked:
            await run("N1 one answer", name, asking(prompt, model=model, candidates=1), few)
        [shown] = [
            row.users for row in done if row.method == FEW_SHOT and row.experiment == TECHNIQUE
        ]
        done.append(_Names("N2 input", "titles and keywords", shown[: len(few)]))
        await run("N2 input", "titles only", asking(only_titles), few)
        await run("N2 input", "keywords only", asking(only_keywords), few)
        for depth in DEPTHS:
            await run("N2 depth", f"{depth} titles", asking(depth=depth), few)
        done.append(_Names("N3 calls", "one a journey", shown[: len(few)]))
        one = all_in_one(api, server.model, encoder, server.concurrency)
        await run("N3 calls", "one for all", one, few)
    finally:
        await api.close()
        for namer in namers:
            await namer.close()
