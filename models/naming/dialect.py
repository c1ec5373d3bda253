"""What of the API a server understands: found out when it refuses, and remembered.

OpenAI-compatible servers and the chat templates of models differ. One that refuses a request as
malformed is asked in a plainer form: without what its message names, else without one thing after
the other.
"""

import re
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from models.errors import ApiError
from models.naming.prompt import Embedded, Message, Prompt

_REFUSALS: Final = frozenset({400, 422, 500, 501})  # templates that raise end in a 500 on some
_OF_ITSELF: Final = re.compile(r"context length|maximum.{0,20}tokens|too (?:long|large)", re.I)
# What is left out, in the order in which it is tried, and how a message names it.
_HINTS: Final = {
    "quiet": re.compile(r"chat_template_kwargs", re.I),
    "schema": re.compile(r"response_format|json_schema|guided|grammar|structured", re.I),
    "likelihoods": re.compile(r"log_?prob", re.I),
    "system": re.compile(r"\bsystem\b|conversation roles|\broles?\b", re.I),
    "several": re.compile(r"(?<![\w.-])n(?![\w.-])|best_of|multiple (?:choices|completions)", re.I),
}
ROOM_TO_THINK: Final = 1_024  # tokens beside those of an answer


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a server is spoken to.

    Attributes:
        schema: It can be held to a schema.
        likelihoods: It tells the likelihood of tokens.
        system: Its model has a system role; else the instructions begin the user's first turn.
        several: It gives several candidates in one answer.
        thinks: Its model thinks before it answers: it is given room.
        quiet: It can be asked to have it not think.
    """

    schema: bool = True
    likelihoods: bool = True
    system: bool = True
    several: bool = True
    thinks: bool = False
    quiet: bool = True

    def after(self, failure: ApiError) -> Self | None:
        """The plainer form to try after a refusal; None: it would not help."""
        if failure.status not in _REFUSALS or _OF_ITSELF.search(str(failure)):
            return None
        left = [name for name in _HINTS if getattr(self, name) and (name != "quiet" or self.thinks)]
        named = [name for name in left if _HINTS[name].search(str(failure))]
        if failure.status == 500 and "system" not in named:
            return None
        return replace(self, **{(named or left)[0]: False}) if left else None

    def prompt(self, prompt: Prompt) -> Prompt:
        """A prompt as the model takes it."""
        if self.system or isinstance(prompt, Embedded) or prompt[0]["role"] != "system":
            return prompt
        first, asked, *others = prompt
        text = f"{first['content']}\n\n{asked['content']}"
        return [Message(role=asked["role"], content=text), *others]

    def options(self, options: dict[str, Any], form: dict[str, Any]) -> dict[str, Any]:
        """The options of a request, `form` being the schema that its answers are held to."""
        spoken = dict(options)
        if self.schema:
            spoken["response_format"] = form
        if self.likelihoods:
            spoken["logprobs"] = True
        if not self.several:
            spoken["n"] = 1
        if self.thinks:
            spoken["max_tokens"] += ROOM_TO_THINK
        if self.thinks and self.quiet:
            spoken["chat_template_kwargs"] = {"enable_thinking": False}
        return spoken
