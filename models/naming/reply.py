"""The name in what a model wrote, and how likely the model found it."""

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple

import msgspec

_THOUGHT: Final = re.compile(r"<(think|thinking|thought|reasoning)>.*?</\1>", re.DOTALL)
# Where the chat template has opened the thought, only its end is in the answer.
_THOUGHT_BEGUN: Final = re.compile(r"^.*</(?:think|thinking|thought|reasoning)>", re.DOTALL)
_CUT_OFF: Final = re.compile(r"<(?:think|thinking|thought|reasoning)>")
_OBJECT: Final = re.compile(r"\{[^{}]*\}")
_NAMED: Final = re.compile(r'"name"\s*:\s*"(?=([^"]*))')


class Reply(NamedTuple):
    """What a model wrote for one candidate.

    Attributes:
        text: All of it; empty where the server gave none.
        tokens: The text in tokens, each with its log-likelihood in nats; none where the server
            does not say.
        whole: Whether the model had come to its end.
    """

    text: str
    tokens: Sequence[tuple[str, float]] = ()
    whole: bool = True

    @property
    def name(self) -> str:
        """The name in it, empty if there is none."""
        return name_in(self.text)

    @property
    def is_thought(self) -> bool:
        """Whether the model was cut off before it had begun to answer."""
        return not self.whole and not _answer(self.text)

    @property
    def likelihood(self) -> float | None:
        """Mean log-likelihood of the name's tokens, nats; None where the server does not say.

        What stands around the name in JSON is as likely in one answer as in another.
        """
        begun = _NAMED.search("".join(token for token, _ in self.tokens))
        told: list[float] = []
        at = 0
        for token, nats in self.tokens:
            start, at = at, at + len(token)
            if begun is None or (begun.end() < at and start <= begun.end() + len(begun[1])):
                told.append(nats)  # the end of the name, too
        return sum(told) / len(told) if told else None


class _Name(msgspec.Struct):
    name: str


def name_in(content: str) -> str:
    """The name in what a model wrote: in its last JSON object, else its first line.

    What a model thinks before it answers does not count.

    Returns:
        The name; "" if there is none, or if the model was cut off in it or in its thoughts.
    """
    said = _answer(content)
    if "{" in said:
        for found in reversed(_OBJECT.findall(said)):
            with suppress(msgspec.DecodeError):
                return msgspec.json.decode(found, type=_Name).name
        return ""
    return said.partition("\n")[0]


def _answer(content: str) -> str:
    """What a model wrote without what it thought; nothing if it was cut off in that."""
    said = _THOUGHT_BEGUN.sub("", _THOUGHT.sub("", content))
    return "" if _CUT_OFF.search(said) else said.strip()
