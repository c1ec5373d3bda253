"""The messages of the contract as others write and read them, where no record of ours says it."""

from datetime import datetime
from typing import Annotated, Final, Literal, get_args

import msgspec
from msgspec import Meta

from models.activities import MAX_ID_CHARS, MAX_TERMS, MAX_VECTOR
from models.records import ChangeData, Kind
from streams.formats.reading import ATTRIBUTE

_TYPE: Final = rf"^journey\.({'|'.join(get_args(Kind))})\.v1$"

Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID_CHARS)]


class WireActivity(msgspec.Struct, kw_only=True):
    """An activity as a producer writes it: times of two forms."""

    event_id: Id
    user_id: Id
    item_id: Id
    title: Annotated[str, Meta(min_length=1, description="cut at 1,000 characters")]
    occurred_at: Annotated[int, Meta(description="epoch milliseconds")] | datetime
    type: Id | None = None
    weight: Annotated[float, Meta(gt=0)] = 1.0
    terms: Annotated[dict[str, float], Meta(max_length=MAX_TERMS)] | None = None
    vector: Annotated[list[float], Meta(min_length=1, max_length=MAX_VECTOR)] | None = None
    text: (
        Annotated[str, Meta(description="encoded with the title; cut at 280 characters")] | None
    ) = None
    v: Literal[1] = 1


class JourneyChange(msgspec.Struct, kw_only=True):
    """A change: a CloudEvent 1.0 in structured JSON mode."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: Annotated[str, Meta(pattern=_TYPE)]
    subject: str
    time: datetime
    datacontenttype: Literal["application/json"]
    data: ChangeData


class NamedChange(JourneyChange, kw_only=True):
    """A change as the webhook sends it and `watch --json` prints it, its name beside it."""

    journeyname: str


class BinaryHeaders(msgspec.Struct, kw_only=True, rename=lambda name: f"{ATTRIBUTE}{name}"):
    """The attributes of a change as a CloudEvent 1.0 in binary mode: headers, UTF-8."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: Annotated[str, Meta(pattern=_TYPE)]
    subject: str
    time: datetime


class WebhookHeaders(msgspec.Struct, kw_only=True, rename=lambda name: name.replace("_", "-")):
    """The headers of a webhook's request, as Standard Webhooks has them."""

    webhook_id: Annotated[str, Meta(description="the same for a repeat")]
    webhook_timestamp: Annotated[
        str, Meta(pattern=r"^\d+$", description="of this try, seconds since 1970")
    ]
    webhook_signature: Annotated[
        str,
        Meta(description="of each secret `v1,` and base64 of the HMAC-SHA256 of id.timestamp.body"),
    ]


class Erasure:
    """Asks to forget the user who is the record's key; any value, or none: nobody reads it."""
