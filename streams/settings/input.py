"""Settings of what comes in: how it is read, and where titles come from."""

from datetime import date
from typing import Annotated

from pydantic import BaseModel, Field, field_validator

from models.engine.params import DAY_MS
from streams.settings.kafka import NAME


class InputSettings(BaseModel):
    """How events become activities."""

    input: str | None = Field(
        None,
        description="how events become activities: a preset's name or a mapping in a TOML file; "
        "unset: they are activities",
    )
    input_topics: str = Field(
        "",
        description="topics that `intake` reads, comma separated; default: those of the mapping",
        pattern=f"^({NAME}+(,{NAME}+)*)?$",
    )
    earliest: date = Field(
        date(2000, 1, 1), description="day before which no activity can be, in UTC"
    )
    catalogue: bool = Field(
        False, description="whether titles come from the topic `items`, for events without one"
    )
    item_wait_seconds: Annotated[float, Field(ge=0, le=604_800)] = Field(
        60.0, description="how long an event waits for an item that the catalogue does not know"
    )
    item_wait_limit: Annotated[int, Field(ge=0, le=10_000_000)] = Field(
        100_000, description="most events that wait so; those that wait longest are rejected first"
    )

    @field_validator("earliest")
    @classmethod
    def _after_1970(cls, value: date) -> date:
        if value < date(1970, 1, 1):
            raise ValueError("epoch milliseconds begin in 1970")
        return value

    @property
    def earliest_ms(self) -> int:
        """No activity can be older, epoch ms."""
        return (self.earliest - date(1970, 1, 1)).days * DAY_MS
