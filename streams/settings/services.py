"""Settings of the namer, and of how services are watched."""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field, SecretStr

MONITOR_PORT: Final = 6069


class NamingSettings(BaseModel):
    """Which server is asked for names, and how."""

    vllm_url: str | None = Field(
        None,
        description="OpenAI-compatible base url of the vLLM server; without it, names are "
        "keyword names",
    )
    vllm_model: str | None = Field(None, description="model name; default: the first one served")
    naming_prompt: str = Field(
        "examples",
        description="how the server is asked: `examples` (few-shot), `plain` (for an "
        "adapter of `tune lora`), or a folder of `tune prompt`",
    )
    naming_weights: Path | None = Field(
        None,
        description="folder of the served model, for a folder of `tune prompt`; default: "
        "where it was when it was tuned",
    )
    vllm_api_key: SecretStr | None = Field(None, description="sent as a bearer token")
    naming_candidates: Annotated[int, Field(ge=1, le=16)] = Field(
        8, description="candidates asked for at once; the best that may be published is taken"
    )
    naming_concurrency: Annotated[int, Field(ge=1, le=10_000)] = Field(
        8, description="requests under way at the vLLM server at once"
    )
    naming_timeout: Annotated[float, Field(gt=0, le=86_400)] = Field(
        30.0, description="seconds until one request is given up"
    )


class WatchingSettings(BaseModel):
    """How a service tells how it stands."""

    web_host: str = Field(
        "127.0.0.1", description="address of the health endpoint, and of the monitor's page"
    )
    web_port: Annotated[int | None, Field(ge=0, le=65_535)] = Field(
        None,
        description="port of the health endpoint, 0 for any free one; default: 6066 of the "
        f"worker, 6067 of the namer, 6068 of intake, {MONITOR_PORT} of the monitor, 6070 of the "
        "webhook, 6071 of users",
    )
    web_token: SecretStr | None = Field(
        None,
        description="what the monitor wants to be shown (bearer token, or asked for by the page); "
        "needed where `web_host` is not the loopback",
    )
    stall_seconds: Annotated[float, Field(ge=1, le=86_400)] = Field(
        120.0,
        description="seconds in which nothing is done of work that waits, from which a service "
        "counts as hung: `/healthz` says so, and the worker ends; from half of them on it is told",
    )
    log_level: str = Field(
        "warning",
        description="debug, info, warning or error",
        pattern="^(debug|info|warning|error)$",
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="how the log is written: text, or json (an object a line)"
    )
