"""Every setting, resolved once: flags over environment (`JOURNEYS_…`) over defaults.

A secret may stand in a file that its variable with `_FILE` behind it names; what a client
properties file says holds where nothing else does.

`journeys settings` prints this list as the table that stands in streams/README.md.
"""

import os
import re
import tempfile
import typing
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from models.engine.params import DAY_MS, Dormancy, EngineParams, RepeatedItems, Scale
from models.errors import SettingsError
from streams import client_properties

PREFIX: Final = "JOURNEYS_"
_TESTS: Final = f"{PREFIX}TEST_"  # variables of the test suite
_KAFKA_NAME: Final = r"[A-Za-z0-9._-]"  # what names of topics are made of
_LONGEST_TOPIC: Final = 249  # characters, Kafka's limit
_ADDRESS: Final = re.compile(r"([^\s:,/\[\]]+|\[[0-9a-fA-F:.]+\]):\d{1,5}")  # IPv6 in brackets


class Settings(BaseSettings):
    """The settings of every command; frozen, secrets hidden in its repr."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", allow_inf_nan=False
    )

    # Kafka
    broker: str = Field("localhost:9092", description="bootstrap servers, comma separated")
    topic_prefix: str = Field(
        "", description="put before every topic name", pattern=f"^{_KAFKA_NAME}*$"
    )
    group: str = Field(
        "journeys",
        description="consumer group, and part of the names of state's topic and folder",
        pattern=f"^{_KAFKA_NAME}+$",
    )
    activities_topic: str = Field(
        "activity-events",
        description="topic of the activities; the prefix is put before the default only",
        pattern=f"^{_KAFKA_NAME}{{1,{_LONGEST_TOPIC}}}$",
    )
    partitions: Annotated[int, Field(ge=1, le=10_000)] = Field(
        4, description="partitions of every topic that `topics create` makes"
    )
    replication: Annotated[int, Field(ge=1, le=9)] = Field(
        1, description="replicas of every topic and changelog"
    )
    broker_timeout: Annotated[float, Field(gt=0, le=3_600)] = Field(
        10.0, description="seconds until a broker that does not answer is an error"
    )
    session_timeout: Annotated[float, Field(ge=1, le=86_400)] = Field(
        10.0, description="seconds without a heartbeat until a worker's partitions move"
    )
    rebalance_timeout: Annotated[float, Field(ge=1, le=86_400)] = Field(
        3.0, description="seconds a group join waits for the other workers"
    )
    standby_replicas: Annotated[int, Field(ge=0, le=100)] = Field(
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
        pattern=f"^({_KAFKA_NAME}+(,{_KAFKA_NAME}+)*)?$",
    )
    earliest: date = Field(
        date(2000, 1, 1), description="day before which no activity can be, in UTC"
    )

    # Catalogue
    catalogue: bool = Field(
        False, description="whether titles come from the topic `items`, for events without one"
    )
    item_wait_seconds: Annotated[float, Field(ge=0, le=604_800)] = Field(
        60.0, description="how long an event waits for an item that the catalogue does not know"
    )
    item_wait_limit: Annotated[int, Field(ge=0, le=10_000_000)] = Field(
        100_000, description="most events that wait so; those that wait longest are rejected first"
    )

    # Security of the connection to Kafka
    security_protocol: str = Field(
        "PLAINTEXT",
        description="how brokers are spoken to: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL",
        pattern="^(PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL)$",
    )
    sasl_mechanism: str | None = Field(
        None,
        description="PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER",
        pattern="^(PLAIN|SCRAM-SHA-256|SCRAM-SHA-512|OAUTHBEARER)$",
    )
    sasl_username: str | None = Field(None, description="user of PLAIN and SCRAM")
    sasl_password: SecretStr | None = Field(None, description="password of that user")
    oauth_token_url: str | None = Field(
        None,
        description="where OAUTHBEARER gets its tokens (client credentials grant)",
        pattern="^https?://",
    )
    oauth_client_id: str | None = Field(None, description="client id there")
    oauth_client_secret: SecretStr | None = Field(None, description="client secret there")
    oauth_scope: str | None = Field(None, description="scope asked for there")
    ssl_ca: str | None = Field(
        None,
        description="PEM file (or its text) of the authorities that brokers are trusted by; "
        "default: the system's",
    )
    ssl_certificate: str | None = Field(
        None, description="PEM file (or its text) of the client's certificate and its chain"
    )
    ssl_key: SecretStr | None = Field(
        None, description="PEM file (or its text) of that certificate's private key"
    )
    ssl_key_password: SecretStr | None = Field(None, description="password of that key")
    ssl_check_hostname: bool = Field(
        True, description="whether a broker's certificate must be for the name it is reached by"
    )
    client_properties: Path | None = Field(
        None,
        description="file of Kafka's client properties (Java's form); what is set otherwise wins",
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
    cached_users: Annotated[int, Field(ge=1, le=1_000_000_000)] = Field(
        20_000, description="decoded user states kept in memory"
    )

    # Encoder
    encoder: str = Field(
        "fast",
        description="`fast` (static), `best` (contextual, hundreds of times slower), a "
        "sentence-transformers ONNX folder, or a hub id (extra `hub`); state is bound to it: "
        "another one needs a fresh group",
    )
    encoder_threads: Annotated[int, Field(ge=1, le=1_024)] = Field(
        1, description="threads that encode titles, beside all else"
    )
    encoder_batch: Annotated[int, Field(ge=1, le=100_000)] = Field(
        256, description="most titles handed to a thread of the encoder at once"
    )
    cached_vectors: Annotated[int, Field(ge=0, le=1_000_000_000)] = Field(
        100_000, description="item vectors kept in memory"
    )
    stored_vectors_mb: Annotated[int, Field(ge=0, le=1_000_000_000)] = Field(
        2_000,
        description="megabytes of item vectors kept in `data_dir` over restarts, the oldest "
        "dropped; 0 or store memory: none",
    )

    # Engine
    window_days: Annotated[float, Field(ge=1e-6, le=36_500)] = Field(
        7,
        description="length of a window, days; state is bound to it: another one needs a "
        "fresh group",
    )
    promote_windows: Annotated[int, Field(ge=1, le=64)] = Field(
        3, description="windows with activity until a cluster is a journey"
    )
    history_windows: Annotated[int, Field(ge=1, le=64)] = Field(
        6, description="windows looked at for that"
    )
    promote_activities: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        5, description="activities in all until a cluster is a journey"
    )
    repeated_items: RepeatedItems = Field(
        "once",
        description="one item again and again: `once` (no journey: as many different items are "
        "wanted as activities, up to five) or `each` (every activity counts)",
    )
    dormant_windows: Annotated[int, Field(ge=1, le=100_000)] = Field(
        4, description="silent windows until a journey is dormant"
    )
    dormancy: Dormancy = Field(
        "rhythm",
        description="`rhythm` (one that comes seldom may be silent for a third longer; it wakes "
        "by two windows close together, or by one after a long absence) or `fixed` (always so many "
        "windows; the next activity wakes it)",
    )
    ended_windows: Annotated[int, Field(ge=2, le=1_000_000)] = Field(
        56,
        description="silent windows until a journey ends; more than a year, so that a "
        "yearly interest resumes",
    )
    lateness_days: Annotated[float, Field(ge=0, le=36_500)] = Field(
        1, description="how far activities may be out of order before windows close, days"
    )
    future_skew_seconds: Annotated[float, Field(ge=0, le=1_000_000_000)] = Field(
        300, description="how far an activity may be dated past its record, seconds"
    )
    max_clusters: Annotated[int, Field(ge=2, le=10_000)] = Field(
        256, description="clusters kept per user"
    )
    match: Annotated[float | None, Field(gt=0, le=100)] = Field(
        None,
        description="evidence that an activity needs to join an interest, nats; more of it gives "
        "finer interests, found later; default: the encoder's; may change over live state",
    )
    idle_seconds: Annotated[float, Field(gt=0, le=1_000_000_000)] = Field(
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
    naming_concurrency: Annotated[int, Field(ge=1, le=10_000)] = Field(
        8, description="requests under way at the vLLM server at once"
    )
    naming_timeout: Annotated[float, Field(gt=0, le=86_400)] = Field(
        30.0, description="seconds until one request is given up"
    )

    # Watching
    web_host: str = Field("127.0.0.1", description="address of the health endpoint")
    web_port: Annotated[int | None, Field(ge=0, le=65_535)] = Field(
        None,
        description="port of the health endpoint, 0 for any free one; default: 6066 of the "
        "worker, 6067 of the namer, 6068 of intake",
    )
    log_level: str = Field(
        "warning",
        description="debug, info, warning or error",
        pattern="^(debug|info|warning|error)$",
    )

    @field_validator("security_protocol", "sasl_mechanism", mode="before")
    @classmethod
    def _in_capitals(cls, value: object) -> object:
        return value.strip().upper() if isinstance(value, str) else value

    @field_validator("group")
    @classmethod
    def _no_folder_above(cls, value: str) -> str:
        if not value.strip("."):
            raise ValueError("dots alone are no name")
        return value

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
    def _names_fit(self) -> Self:
        if len(self.topic_prefix) + len(self.group) > _LONGEST_TOPIC - len("-users-changelog"):
            raise ValueError("topic_prefix and group are too long for the name of a topic")
        return self

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
        _check_names(cls)
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

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Pydantic's hook: where values come from, the strongest first."""
        return (
            init_settings,
            env_settings,
            _SecretFiles(settings_cls),
            _ClientProperties(settings_cls),
        )

    def engine(self, scale: Scale) -> EngineParams:
        """The part that the pure core is given.

        Args:
            scale: Of the encoder whose vectors it gets.
        """
        return EngineParams(
            window_ms=int(self.window_days * DAY_MS),
            promote_windows=self.promote_windows,
            history_windows=self.history_windows,
            promote_activities=self.promote_activities,
            repeated_items=self.repeated_items,
            dormant_windows=self.dormant_windows,
            dormancy=self.dormancy,
            ended_windows=self.ended_windows,
            lateness_ms=int(self.lateness_days * DAY_MS),
            max_clusters=self.max_clusters,
            scale=scale if self.match is None else scale._replace(match=self.match),
        )


def is_secret(field: FieldInfo) -> bool:
    """True for a setting whose value must not be shown."""
    return SecretStr in (field.annotation, *typing.get_args(field.annotation))


class _Source(PydanticBaseSettingsSource):
    """A source that gives all it has at once."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Pydantic's hook for sources that are asked field by field: not this one."""
        raise NotImplementedError


class _SecretFiles(_Source):
    """Secrets from the files that `JOURNEYS_…_FILE` name."""

    def __call__(self) -> dict[str, Any]:
        found = {}
        for name, field in self.settings_cls.model_fields.items():
            variable = f"{PREFIX}{name.upper()}_FILE"
            if not is_secret(field) or not (path := os.environ.get(variable)):
                continue
            if name in self.current_state:
                raise SettingsError(f"{variable}: {PREFIX}{name.upper()} is given, too: which one?")
            try:
                found[name] = Path(path).read_text(encoding="utf-8").removesuffix("\n")
            except OSError as error:
                raise SettingsError(f"{variable}: {path}: {error.strerror}") from None
            except UnicodeDecodeError:
                raise SettingsError(f"{variable}: {path} is no text") from None
            found[name] = found[name].removesuffix("\r")
        return found


class _ClientProperties(_Source):
    """What Kafka's client properties file says."""

    def __call__(self) -> dict[str, Any]:
        path = self.current_state.get("client_properties")
        return client_properties.load(Path(path)) if path else {}


def _check_names(settings: type[BaseSettings]) -> None:
    """Refuse variables that are no settings: what they were to say would be lost in silence."""
    known = {PREFIX + name.upper() for name in settings.model_fields}
    known |= {
        f"{PREFIX}{name.upper()}_FILE"
        for name, field in settings.model_fields.items()
        if is_secret(field)
    }
    given = [name for name in os.environ if name.upper().startswith(PREFIX)]
    if wrong := [name for name in given if name.upper() not in known and _TESTS not in name]:
        lines = []
        for name in sorted(wrong):
            near = get_close_matches(name.upper(), known, n=1, cutoff=0.0)
            lines.append(f"{name} is no setting; the nearest one is {near[0]}")
        raise SettingsError("; ".join(lines))
