"""Settings of the worker: its state, its encoder, and what it decides by."""

from pathlib import Path
from typing import Annotated, Self

import platformdirs
from pydantic import BaseModel, Field, model_validator

from models.engine.params import DAY_MS, Dormancy, EngineParams, RepeatedItems, Space
from streams.settings.guard import GuardSettings


def state_folder() -> Path:
    """Where a user's programs keep what outlives them, and others' cannot plant anything."""
    found = platformdirs.user_state_path("journeys", appauthor=False)
    return found if found.is_absolute() else Path("/var/lib/journeys")  # a user without a home


class StateSettings(BaseModel):
    """Where state lives, and what vectors are made with."""

    store: str = Field(
        "rocksdb",
        description="where user state lives: rocksdb or memory",
        pattern="^(rocksdb|memory)$",
    )
    data_dir: Path = Field(
        state_folder(),
        description="folder of the worker's local state; where there is no XDG_STATE_HOME, "
        "below ~/.local/state",
    )
    state_compression: str = Field(
        "zstd",
        description="how state is compressed on the changelog: zstd (brokers since Kafka 2.1), or "
        "none; may change over live state",
        pattern="^(zstd|none)$",
    )
    cached_users: Annotated[int, Field(ge=1, le=1_000_000_000)] = Field(
        20_000,
        description="decoded user states kept in memory, of all partitions of a worker; some 75 kB "
        "each",
    )
    encoder: str = Field(
        "best",
        description="`best` (contextual) or `fast` (static, hundreds of times quicker) for "
        "English, `multilingual` (extra of that name), a sentence-transformers ONNX folder, or a "
        "hub id (extra `hub`); state is bound to it: another one needs a fresh group",
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


class EngineSettings(GuardSettings):
    """What decides over clusters and journeys."""

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
        "wanted as activities, up to seven) or `each` (every activity counts)",
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
    backlog_seconds: Annotated[float, Field(ge=0, le=1_000_000_000)] = Field(
        3_600,
        description="how long nothing must arrive of a user whose activities come late (a history "
        "that is imported, a device that was offline) until their silence counts",
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

    @model_validator(mode="after")
    def _windows_fit(self) -> Self:
        if self.promote_windows > self.history_windows:
            raise ValueError("promote_windows cannot be more than history_windows")
        if self.ended_windows <= self.dormant_windows:
            raise ValueError("ended_windows must be more than dormant_windows")
        return self

    def engine(self, encoder: Space) -> EngineParams:
        """The part that the pure core is given, for the vectors of an encoder."""
        scale = encoder.scale
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
            backlog_ms=int(self.backlog_seconds * 1000),
            max_clusters=self.max_clusters,
            policy=self.policy,
            languages=frozenset(encoder.languages),
            scale=scale if self.match is None else scale._replace(match=self.match),
        )
