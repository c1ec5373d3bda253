"""Every setting, resolved once: flags over environment (`JOURNEYS_…`) over defaults.

`journeys settings` prints this list as the table that stands in the README.
"""

import re
import tempfile
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.engine.params import DAY_MS, EngineParams
from models.errors import SettingsError

PREFIX: Final = "JOURNEYS_"
_ADDRESS: Final = re.compile(r"([^\s:,/\[\]]+|\[[0-9a-fA-F:.]+\]):\d{1,5}")  # IPv6 in brackets


class Settings(BaseSettings):
    """The settings of every command; frozen, secrets hidden in its repr."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    # Kafka
    broker: str = Field("localhost:9092", description="bootstrap servers, comma separated")
    topic_prefix: str = Field("", description="put before every topic name")
    group: str = Field("journeys", description="consumer group and Faust app id")
    activities_topic: str = Field(
        "activity-events",
        description="topic of the activities; the prefix is put before the default only",
        pattern=r"^[A-Za-z0-9._-]{1,249}$",
    )
    partitions: Annotated[int, Field(ge=1, le=10_000)] = Field(
        4, description="partitions of every topic that `topics create` makes"
    )
    replication: Annotated[int, Field(ge=1, le=9)] = Field(
        1, description="replicas of every topic and changelog"
    )
    broker_timeout: Annotated[float, Field(gt=0)] = Field(
        10.0, description="seconds until a broker that does not answer is an error"
    )
    session_timeout: Annotated[float, Field(ge=1)] = Field(
        10.0, description="seconds without a heartbeat until a worker's partitions move"
    )
    rebalance_timeout: Annotated[float, Field(ge=1)] = Field(
        3.0, description="seconds a group join waits for the other workers"
    )
    standby_replicas: Annotated[int, Field(ge=0)] = Field(
        0, description="workers that keep a warm copy of each state partition"
    )
    batch_records: Annotated[int, Field(ge=1, le=100_000)] = Field(
        5_000, description="most records of one partition handled as one batch"
    )

    # Input
    input: str | None = Field(
        None,
        description="how events become activities: a preset's name or a mapping in a TOML file; "
        "unset: they are activities",
    )
    input_topics: str = Field(
        "",
        description="topics that `intake` reads, comma separated; default: those of the mapping",
        pattern=r"^([A-Za-z0-9._-]{1,249}(,[A-Za-z0-9._-]{1,249})*)?$",
    )
    earliest: date = Field(
        date(2000, 1, 1), description="day before which no activity can be, in UTC"
    )

    # Schema registry
    registry_url: str | None = Field(
        None,
        description="schema registry (Confluent's interface); several with commas between",
        pattern=r"^https?://",
    )
    registry_username: str | None = Field(None, description="name to sign in with there")
    registry_password: SecretStr | None = Field(None, description="password to sign in with there")
    registry_ca: Path | None = Field(
        None,
        description="PEM file of the authorities that it is trusted by; default: the usual ones",
    )
    output_format: str = Field(
        "json",
        description="of `journey-changes` and `journeys`: json, or behind a schema registry "
        "avro, protobuf or json-schema",
        pattern="^(json|avro|protobuf|json-schema)$",
    )

    # State
    store: str = Field(
        "rocksdb",
        description="where user state lives: rocksdb or memory",
        pattern="^(rocksdb|memory)$",
    )
    data_dir: Path = Field(
        Path(tempfile.gettempdir()) / "journeys", description="folder of the worker's local state"
    )
    cached_users: Annotated[int, Field(ge=1)] = Field(
        20_000, description="decoded user states kept in memory"
    )

    # Encoder
    encoder: str = Field(
        "default",
        description="`default`, a sentence-transformers ONNX folder, or a hub id (extra `hub`)",
    )
    encoder_threads: Annotated[int, Field(ge=1)] = Field(1, description="threads of the encoder")
    encoder_batch: Annotated[int, Field(ge=1)] = Field(256, description="titles encoded at once")
    cached_vectors: Annotated[int, Field(ge=0)] = Field(
        100_000, description="item vectors kept in memory"
    )

    # Engine
    window_days: Annotated[float, Field(gt=0)] = Field(7, description="length of a window, days")
    promote_windows: Annotated[int, Field(ge=1)] = Field(
        3, description="windows with activity until a cluster is a journey"
    )
    history_windows: Annotated[int, Field(ge=1, le=64)] = Field(
        6, description="windows looked at for that"
    )
    promote_activities: Annotated[int, Field(ge=1)] = Field(
        5, description="activities in all until a cluster is a journey"
    )
    dormant_windows: Annotated[int, Field(ge=1)] = Field(
        4, description="silent windows until a journey is dormant"
    )
    ended_windows: Annotated[int, Field(ge=2)] = Field(
        56,
        description="silent windows until a journey ends; more than a year, so that a "
        "yearly interest resumes",
    )
    lateness_days: Annotated[float, Field(ge=0)] = Field(
        1, description="how far activities may be out of order before windows close, days"
    )
    future_skew_seconds: Annotated[float, Field(ge=0)] = Field(
        300, description="how far an activity may be dated past its record, seconds"
    )
    max_clusters: Annotated[int, Field(ge=2, le=10_000)] = Field(
        256, description="clusters kept per user"
    )
    match: float = Field(
        EngineParams().scale.match,
        description="evidence that an activity needs to join an interest, nats; more of it gives "
        "finer interests, found later",
    )
    idle_seconds: Annotated[float, Field(gt=0)] = Field(
        60, description="silence of a partition after which the wall clock moves its time"
    )

    # Naming
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
        4, description="candidates asked for at once; the best that may be published is taken"
    )
    naming_refuses: str = Field(
        "health,politics,religion,sexuality",
        description="sensitive categories that names of the server must not touch",
        pattern=r"^(|(health|politics|religion|sexuality)(,(health|politics|religion|sexuality))*)$",
    )
    naming_concurrency: Annotated[int, Field(ge=1)] = Field(
        8, description="requests under way at the vLLM server at once"
    )
    naming_timeout: Annotated[float, Field(gt=0)] = Field(
        30.0, description="seconds until one request is given up"
    )

    # Watching
    web_host: str = Field("127.0.0.1", description="address of the health endpoint")
    web_port: Annotated[int | None, Field(ge=0, le=65_535)] = Field(
        None,
        description="port of the health endpoint, 0 for any free one; default: 6066 of the "
        "worker, 6067 of the namer",
    )
    log_level: str = Field(
        "warning",
        description="debug, info, warning or error",
        pattern="^(debug|info|warning|error)$",
    )

    @field_validator("broker")
    @classmethod
    def _addresses(cls, value: str) -> str:
        if not all(_ADDRESS.fullmatch(server) for server in value.split(",")):
            raise ValueError(f"host:port is wanted, or several with commas between, not {value!r}")
        return value

    @field_validator("earliest")
    @classmethod
    def _after_1970(cls, value: date) -> date:
        if value < date(1970, 1, 1):
            raise ValueError("epoch milliseconds begin in 1970")
        return value

    @model_validator(mode="after")
    def _windows_fit(self) -> Self:
        if self.promote_windows > self.history_windows:
            raise ValueError("promote_windows cannot be more than history_windows")
        if self.ended_windows <= self.dormant_windows:
            raise ValueError("ended_windows must be more than dormant_windows")
        return self

    @model_validator(mode="after")
    def _registry_is_there(self) -> Self:
        if self.output_format != "json" and self.registry_url is None:
            raise ValueError(f"output_format {self.output_format} needs a registry_url")
        return self

    @classmethod
    def load(cls, **flags: Any) -> Self:
        """Resolve the settings; flags that are None count as not given.

        Raises:
            SettingsError: One line that names each wrong setting and what is wrong with it.
        """
        try:
            return cls(**{name: value for name, value in flags.items() if value is not None})
        except ValidationError as error:
            lines = (
                f"{PREFIX}{'_'.join(map(str, e['loc'])).upper() or 'SETTINGS'}: "
                f"{e['msg'].removeprefix('Value error, ')}"
                for e in error.errors()
            )
            raise SettingsError("; ".join(lines)) from None

    @property
    def earliest_ms(self) -> int:
        """No activity can be older, epoch ms."""
        return (self.earliest - date(1970, 1, 1)).days * DAY_MS

    def engine(self) -> EngineParams:
        """The part that the pure core is given."""
        defaults = EngineParams()
        return EngineParams(
            window_ms=int(self.window_days * DAY_MS),
            promote_windows=self.promote_windows,
            history_windows=self.history_windows,
            promote_activities=self.promote_activities,
            dormant_windows=self.dormant_windows,
            ended_windows=self.ended_windows,
            lateness_ms=int(self.lateness_days * DAY_MS),
            max_clusters=self.max_clusters,
            scale=defaults.scale._replace(match=self.match),
        )
