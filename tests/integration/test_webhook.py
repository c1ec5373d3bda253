"""`journeys webhook` on every broker, with a receiver that goes, comes and fails."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from kafka import KafkaProducer

from models.errors import JourneysError
from models.records import Change
from streams.formats.writing import output_format
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.settings import Settings
from streams.topics import Topics
from streams.webhook.app import begin
from streams.webhook.resend import resend
from tests.support.published import publish, publish_sample, sample
from tests.support.receiver import (
    SECRET,
    Endpoint,
    Received,
    WebhookProcess,
    always,
    endpoint,
    says,
)
from tests.support.workers import by_reason, read, until

KINDS = ("started", "named", "merged", "ended")
BAD = "refused for what it is"


def start(settings: Settings, there: Endpoint, folder: Path, **changes: Any) -> WebhookProcess:
    given = {
        "webhook_http": True,
        "webhook_url": there.url,
        "webhook_secret": SECRET,
        "webhook_kinds": ",".join(KINDS),
        "webhook_retry_seconds": 60.0,
        "webhook_timeout": 2.0,
        "log_level": "info",
    } | changes
    # Through `load`: what is secret is to become so.
    shown = {name: value for name, value in settings if value is not None}
    return WebhookProcess(Settings.load(**(shown | given)), folder)


async def wait(holds: Any, what: str) -> None:
    await asyncio.to_thread(until, holds, what)


def wanted() -> list[Change]:
    return [one for one in sample().changes if one.kind in KINDS]


def by_user(changes: list[Change]) -> dict[str, list[str]]:
    return {
        user: [one.id for one in changes if one.user_id == user]
        for user in {one.user_id for one in changes}
    }


@pytest.mark.fault
async def test_whatever_fails_each_change_is_delivered_or_kept_in_its_users_order(
    settings: Settings, tmp_path: Path
) -> None:
    """Refused, overloaded, failing, killed in the middle, away: by turns."""
    bad = {one.id for one in wanted()[5:40:10]}
    some, killed = 20, asyncio.Event()

    async def badly(received: Received) -> web.StreamResponse | None:
        if len(there.taken) > some:
            await killed.wait()  # however slow this machine is, the first one leaves some undone
        number = int(received.webhook_id[4:8], 16)
        if received.event["id"] in bad:
            return says(422, BAD)
        if not received.tries and number % 19 == 0:
            return says(*((500, "oops") if number % 2 else (503, "busy")))
        if not received.tries and number % 23 == 0:
            return says(429, Retry_After="1")
        await asyncio.sleep(0.05)
        return None

    await asyncio.to_thread(admin.create, settings)
    await asyncio.to_thread(begin, settings)  # as if it had been started once
    async with endpoint() as there:
        there.behave = badly
        first = start(settings, there, tmp_path)
        await asyncio.to_thread(first.wait_ready)
        await asyncio.to_thread(publish_sample, settings)
        await wait(lambda: len(there.taken) > some, "some are delivered")
        first.kill()
        killed.set()
        await there.stop()
        second = start(settings, there, tmp_path)
        await asyncio.to_thread(second.wait_ready)
        await wait(lambda: "receiver at" in second.get("/readyz")[1], "the receiver is missed")
        await there.start()
        everything = {one.id for one in wanted()}
        await wait(
            lambda: (
                set(there.ids) | bad == everything
                and len(read(settings, Topics.of(settings).undelivered)) >= len(bad)
            ),
            "all is delivered or kept",
        )
        assert second.count("journeys_webhook_changes_total") > 0
        assert second.stop() == 0
    assert there.by_user() == {
        user: [one for one in ids if one not in bad] for user, ids in by_user(wanted()).items()
    }
    assert max(Counter(there.ids).values()) <= 2, "what was under way when it was killed"
    for one in there.taken:
        assert one.event["journeyname"]
        if name := one.event["data"].get("name"):
            assert one.event["journeyname"] == name
    kept = by_reason(read(settings, Topics.of(settings).undelivered))["refused"]
    assert {record.key.decode() for record in kept} == {
        one.user_id for one in wanted() if one.id in bad
    }
    assert all(BAD in dict(record.headers)["detail"].decode() for record in kept)
    logs = first.log.read_text() + second.log.read_text()
    assert "s3cret" not in logs
    assert SECRET[6:] not in logs
    assert "Traceback" not in logs


async def test_it_begins_with_what_comes_stops_when_told_so_and_goes_on_where_it_was(
    settings: Settings, tmp_path: Path
) -> None:
    await asyncio.to_thread(admin.create, settings)
    before, after = sample().changes[:10], sample().changes[10:60]
    await asyncio.to_thread(publish, settings, before)
    async with endpoint() as there:
        there.behave = always(410)
        first = start(settings, there, tmp_path, webhook_kinds="", webhook_per_day=4)
        await asyncio.to_thread(first.wait_ready)
        await asyncio.to_thread(publish, settings, after)
        assert await asyncio.to_thread(first.process.wait, 60) == 1
        last = first.log.read_text().strip().splitlines()[-1]
        assert f"http://127.0.0.1:{there.port} wants no more (HTTP 410)" in last
        there.behave = None
        second = start(settings, there, tmp_path, webhook_kinds="", webhook_per_day=4)
        await asyncio.to_thread(second.wait_ready)
        later = {one.id for one in after}
        first_four = {user: ids[:4] for user, ids in by_user([*before, *after]).items()}
        told = {
            user: new
            for user, ids in first_four.items()
            if (new := [one for one in ids if one in later])
        }
        await wait(lambda: there.by_user() == told, "the rest of the day's are delivered")


async def test_what_could_not_be_delivered_is_sent_once_more_and_no_further_than_it_got(
    settings: Settings,
) -> None:
    changes = sample().changes[:40]
    given = {"webhook_http": True, "webhook_secret": SECRET, "partitions": 1}
    await asyncio.to_thread(admin.create, mine := settings.model_copy(update={"partitions": 1}))
    await asyncio.to_thread(keep, mine, changes)

    async def breaks(received: Received) -> web.Response | None:
        if received.event["id"] == changes[3].id:
            return says(422, BAD)
        return says(500, "oops") if received.event["id"] == changes[30].id else None

    async with endpoint() as there:
        shown = {name: value for name, value in mine if value is not None}
        mine = Settings.load(**(shown | given | {"webhook_url": there.url}))
        there.behave = breaks
        with pytest.raises(JourneysError, match=r"HTTP 500: oops; 29 were delivered before"):
            await asyncio.to_thread(resend, mine)
        there.behave = None
        assert await asyncio.to_thread(resend, mine) == (10, 0)
        assert await asyncio.to_thread(resend, mine) == (0, 0)
        assert there.ids == [one.id for one in changes if one != changes[3]]
        assert all(one.event["journeyname"] for one in there.taken)


def keep(settings: Settings, changes: Iterable[Change]) -> None:
    """Put changes where those are that could not be delivered."""
    output = output_format(settings.model_copy(update={"output_format": "json-binary"}))
    why = [("reason", b"again"), ("detail", b"HTTP 500")]
    with connect(settings, KafkaProducer) as client:
        for change in changes:
            value, headers = output.change(change)
            client.send(
                Topics.of(settings).undelivered,
                value,
                change.user_id.encode(),
                headers=[*headers, *why],
            )


async def test_without_a_url_it_says_what_is_missing(settings: Settings, tmp_path: Path) -> None:
    process = WebhookProcess(settings, tmp_path)
    assert await asyncio.to_thread(process.process.wait, 60) == 2
    assert process.log.read_text().count("\n") == 1
    assert "JOURNEYS_WEBHOOK_URL" in process.log.read_text()
