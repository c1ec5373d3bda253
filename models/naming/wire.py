"""Answers of the OpenAI-compatible API, as far as naming reads them."""

from typing import Final

import msgspec

from models.naming.reply import Reply

CUT_OFF: Final = "length"  # why an answer ends that had no more room


class _Content(msgspec.Struct):
    content: str | None = None


class _Token(msgspec.Struct):
    token: str
    logprob: float


class _Logprobs(msgspec.Struct):
    content: list[_Token] | None = None


class _Turn(msgspec.Struct):
    message: _Content
    logprobs: _Logprobs | None = None
    finish_reason: str | None = None

    def reply(self) -> Reply:
        """What was written."""
        told = (self.logprobs.content if self.logprobs else None) or []
        tokens = tuple((token.token, token.logprob) for token in told)
        return Reply(self.message.content or "", tokens, self.finish_reason != CUT_OFF)


class Chat(msgspec.Struct):
    """The answer to a chat."""

    choices: list[_Turn]


class _TextLogprobs(msgspec.Struct):
    tokens: list[str]
    token_logprobs: list[float | None]


class _Text(msgspec.Struct):
    text: str
    logprobs: _TextLogprobs | None = None
    finish_reason: str | None = None

    def reply(self) -> Reply:
        """What was written."""
        told = self.logprobs
        pairs = zip(told.tokens, told.token_logprobs, strict=False) if told else ()
        tokens = tuple((token, nats) for token, nats in pairs if nats is not None)
        return Reply(self.text, tokens, self.finish_reason != CUT_OFF)


class Completion(msgspec.Struct):
    """The answer to a prompt that is no chat."""

    choices: list[_Text]


class _Model(msgspec.Struct):
    id: str


class Models(msgspec.Struct):
    """What is served."""

    data: list[_Model]


class _Error(msgspec.Struct):
    message: str


class Refused(msgspec.Struct):
    """An error."""

    error: _Error
