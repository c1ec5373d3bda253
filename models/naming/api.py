"""The part of the OpenAI-compatible API that naming uses: one call at a time, no second try."""

from contextlib import suppress
from typing import Any, Final, TypeVar

import httpx
import msgspec

from models.errors import ApiError, SettingsError
from models.naming.prompt import Embedded, Prompt
from models.naming.reply import Reply
from models.naming.wire import Chat, Completion, Models, Refused
from models.retry_after import seconds_of

CONNECT_TIMEOUT: Final = 5.0  # seconds; a server that is there accepts at once
POOL_TIMEOUT: Final = 1.0  # seconds; callers hold a slot each, so a connection is free
NOT_FOUND: Final = 404
MOST_BYTES: Final = 4 << 20  # of an answer; names are some hundreds, lists of models are long
PLAIN: Final = "identity"  # nothing compressed: 3 MB may unpack to 4 GB


_Form = TypeVar("_Form")


class Api:
    """One server.

    Args:
        url: Base url, with or without `/v1`.
        api_key: Sent as a bearer token.
        connections: Most connections at once.
        timeout: Seconds without a byte until a call fails.

    Attributes:
        address: The server, without what is secret in a url.

    Raises:
        SettingsError: The url is none, or the key cannot be sent.
    """

    def __init__(self, url: str, *, api_key: str | None, connections: int, timeout: float) -> None:
        base = _base_url(url)
        self.address = f"{base.scheme}://{base.netloc.decode()}"
        self._http = httpx.AsyncClient(
            base_url=base,
            headers={"Accept-Encoding": PLAIN} | _authorization(api_key),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            timeout=httpx.Timeout(
                timeout, connect=min(CONNECT_TIMEOUT, timeout), pool=POOL_TIMEOUT
            ),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def first_model(self) -> str:
        """The first model that is served.

        Raises:
            ApiError: It cannot be asked, or serves none.
        """
        served = await self._call("GET", "models", Models)
        if not served.data:
            raise ApiError("it serves no model", retriable=True)
        return served.data[0].id

    async def generate(self, model: str, prompt: Prompt, options: dict[str, Any]) -> list[str]:
        """What the model wrote, one text for each candidate.

        Raises:
            ApiError: There is no answer, or it is an error.
        """
        return [reply.text for reply in await self.replies(model, prompt, options)]

    async def replies(self, model: str, prompt: Prompt, options: dict[str, Any]) -> list[Reply]:
        """The same, with the likelihood of each token if `options` ask for it.

        Raises:
            ApiError: There is no answer, or it is an error.
        """
        if isinstance(prompt, Embedded):
            if "logprobs" in options:
                options = options | {"logprobs": 0}  # how many others to tell, beside the chosen
            body = {"model": model, "prompt_embeds": prompt.data, **options}
            completion = await self._call("POST", "completions", Completion, body)
            return [choice.reply() for choice in completion.choices]
        body = {"model": model, "messages": list(prompt), **options}
        chat = await self._call("POST", "chat/completions", Chat, body)
        return [choice.reply() for choice in chat.choices]

    async def _call(self, method: str, path: str, form: type[_Form], body: Any = None) -> _Form:
        try:
            async with self._http.stream(method, path, json=body) as answer:
                content = await _content(answer)
        except httpx.HTTPError as error:
            refused = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            raise ApiError(
                str(error) or type(error).__name__, retriable=True, taken=not refused
            ) from None
        if not answer.is_success:
            status = answer.status_code
            raise ApiError(
                f"HTTP {status}: {_detail(content) or answer.reason_phrase}",
                status=status,
                retriable=status >= 500 or status in {NOT_FOUND, 408, 429},
                pause=seconds_of(answer.headers.get("retry-after")),
            )
        try:
            return msgspec.json.decode(content, type=form)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ApiError(f"not an answer of the API: {error}", retriable=True) from None


async def _content(answer: httpx.Response) -> bytes:
    if answer.headers.get("content-encoding", PLAIN) != PLAIN:
        raise ApiError("a compressed answer, which nobody asked for", retriable=True)
    content = bytearray()
    async for chunk in answer.aiter_raw():
        content += chunk
        if len(content) > MOST_BYTES:
            raise ApiError(f"an answer of more than {MOST_BYTES >> 20} MiB", retriable=True)
    return bytes(content)


def _detail(content: bytes) -> str:
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.json.decode(content, type=Refused).error.message[:300]
    return " ".join(content.decode("utf-8", "replace").split())[:300]


def _authorization(api_key: str | None) -> dict[str, str]:
    key = (api_key or "").strip()  # files of secrets end in a newline
    if not key.isascii() or not key.isprintable():  # who sends it would repeat it in an error
        raise SettingsError("JOURNEYS_VLLM_API_KEY: has signs that no key has")
    return {"Authorization": f"Bearer {key}"} if key else {}


def _base_url(url: str) -> httpx.URL:
    try:
        base = httpx.URL(url.strip().rstrip("/"))
    except httpx.InvalidURL:
        base = httpx.URL()
    if base.scheme not in ("http", "https") or not base.host:
        raise SettingsError(f"JOURNEYS_VLLM_URL: not an http(s) url: {url!r}")
    path = base.path.rstrip("/")
    return base.copy_with(path=path if path.endswith("/v1") else f"{path}/v1")
