"""Settings of the broker, of what secures the way there, and of a schema registry."""

import re
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

NAME: Final = r"[A-Za-z0-9._-]"  # what names of topics are made of
_LONGEST_TOPIC: Final = 249  # characters, Kafka's limit
_ADDRESS: Final = re.compile(r"([^\s:,/\[\]]+|\[[0-9a-fA-F:.]+\]):\d{1,5}")  # IPv6 in brackets


class KafkaSettings(BaseModel):
    """Where the broker is, and how its topics are named."""

    broker: str = Field("localhost:9092", description="bootstrap servers, comma separated")
    topic_prefix: str = Field("", description="put before every topic name", pattern=f"^{NAME}*$")
    group: str = Field(
        "journeys",
        description="consumer group, and part of the names of state's topic and folder",
        pattern=f"^{NAME}+$",
    )
    activities_topic: str = Field(
        "activity-events",
        description="topic of the activities; the prefix is put before the default only",
        pattern=f"^{NAME}{{1,{_LONGEST_TOPIC}}}$",
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
    renew_hours: Annotated[float, Field(gt=0, le=8_760)] = Field(
        12.0,
        description="hours after which a worker takes its partitions anew: fewer than the brokers' "
        "transactional.id.expiration.ms and producer.id.expiration.ms, or a worker that was cut "
        "off for longer is refused no more",
    )
    standby_replicas: Annotated[int, Field(ge=0, le=100)] = Field(
        0, description="workers that keep a warm copy of each state partition"
    )
    batch_records: Annotated[int, Field(ge=1, le=100_000)] = Field(
        5_000, description="most records of one partition handled as one batch"
    )

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

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        if len(self.topic_prefix) + len(self.group) > _LONGEST_TOPIC - len("-users-changelog"):
            raise ValueError("topic_prefix and group are too long for the name of a topic")
        return self


class SecuritySettings(BaseModel):
    """Who we are to the broker, and whom we trust."""

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

    @field_validator("security_protocol", "sasl_mechanism", mode="before")
    @classmethod
    def _in_capitals(cls, value: object) -> object:
        return value.strip().upper() if isinstance(value, str) else value


class RegistrySettings(BaseModel):
    """Where schemas are, and what is written by them."""

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
        description="of `journey-changes` and `journeys`: json, json-binary (changes with the "
        "CloudEvent's attributes in headers), or behind a schema registry avro, protobuf or "
        "json-schema",
        pattern="^(json|json-binary|avro|protobuf|json-schema)$",
    )

    @model_validator(mode="after")
    def _registry_is_there(self) -> Self:
        if self.output_format not in ("json", "json-binary") and self.registry_url is None:
            raise ValueError(f"output_format {self.output_format} needs a registry_url")
        return self
