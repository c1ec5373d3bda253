"""`journeys monitor`, `show`, `history` and `mcp` beside a broker, as a user runs them."""

import json
import os
import signal
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import msgspec
import pytest
from mcp import ClientSession, StdioServerParameters, stdio_client
from mcp.types import CallToolResult, TextContent

from models.errors import SettingsError
from streams.demo.broker import EmbeddedBroker
from streams.demo.children import environment
from streams.kafka import admin
from streams.monitor.app import run
from streams.settings import Settings
from tests.support.monitors import MonitorProcess, monitor
from tests.support.processes import journeys
from tests.support.published import ENCODER, publish, publish_sample, sample
from tests.support.users import wanted
from tests.support.workers import WorkerProcess, produce, until

USER = sample().changes[0].user_id


def events(url: str, count: int, **headers: str) -> list[dict[str, Any]]:
    """The next server-sent events of an address."""
    found: list[dict[str, Any]] = []
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        event: dict[str, Any] = {}
        for raw in answer:
            name, _, value = raw.decode().rstrip("\r\n").partition(": ")
            if name in ("id", "event", "data"):
                event[name] = value
            elif not name and "data" in event:
                found.append(event)
                event = {}
                if len(found) == count:
                    break
    return found


def posted(process: MonitorProcess, path: str, body: dict[str, Any]) -> Any:
    """What is answered to a body of JSON."""
    url = f"http://127.0.0.1:{process.settings.web_port}{path}"
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def said(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


def test_what_is_published_is_answered_and_what_comes_is_told_live(
    settings: Settings, tmp_path: Path
) -> None:
    admin.create(settings)
    publish_sample(settings)
    with monitor(settings, tmp_path) as process:
        process.wait_ready()
        journeys = process.ask("journeys", user=USER)
        last = {one.journey.journey_id: one for one in sample().journeys if one.user_id == USER}
        assert {one["journey_id"]: one["name"] for one in journeys} == {
            i: one.name for i, one in last.items()
        }
        then = process.ask("journeys", user=USER, at="2024-02-15T00:00:00Z")
        assert len(then) < len(journeys)
        assert process.get("/api/journeys/none")[0] == 404
        row = process.get(f"/api/user-journeys?user={USER}")[1]
        assert row.encode() == wanted(settings)[USER], "byte for byte"
        assert process.get("/api/user-journeys?user=nobody")[0] == 404
        assert process.get("/api/changes?kind=none")[0] == 400
        assert process.get("/api/changes?limit=0")[0] == 400
        russian = urllib.parse.quote("как вырастить помидоры")
        status, why = process.get(f"/api/journeys/near?text={russian}")
        assert status == 400
        assert "cannot read this" in why
        mine = next(one for one in last.values() if one.journey.vector)
        point = {"vector": mine.journey.vector, "encoder": ENCODER}
        (first, _) = posted(process, "/api/journeys/near?limit=2", point)
        assert first["journey_id"] == mine.journey.journey_id
        described = json.loads(process.get("/schema/openapi.json")[1])
        assert described["openapi"].startswith("3.")
        assert "UserJourneys" in described["components"]["schemas"]

        page = process.ask("changes", limit="1000")
        assert len(page["changes"]) == len(sample().changes)
        assert all(one["name"] for one in page["changes"])
        few = process.ask("changes", limit="1000", per_day="1", confidence="0.5", name="*")
        users = [one["user_id"] for one in few["changes"]]
        assert len(users) == len(set(users)) > 1, "all were published at once"
        late = msgspec.structs.replace(sample().changes[0], id="late", kind="named", name="New")
        publish(settings, [late])
        live = f"http://127.0.0.1:{process.settings.web_port}/api/changes/live?user={USER}"
        (told,) = events(f"{live}&after={page['after']}", 1)
        assert (told["event"], json.loads(told["data"])["name"]) == ("named", "New")
        (again,) = events(live, 1, **{"Last-Event-ID": page["after"]})
        assert again == told


def test_lag_and_rejects_are_seen_from_the_broker_alone(settings: Settings, tmp_path: Path) -> None:
    admin.create(settings)
    good = {"user_id": "u", "item_id": "i", "title": "A", "occurred_at": "2024-01-01T00:00:00Z"}
    bad = good | {"event_id": "e", "title": " "}
    with monitor(settings, tmp_path) as process:
        process.wait_ready()
        produce(settings, [bad, *(good | {"event_id": f"e{n}"} for n in range(9))])
        until(lambda: process.ask("vitals")["activities"]["waiting"] == 10, "ten wait")
        assert process.ask("vitals")["activities"]["waiting_seconds"] > 0
        assert 'journeys_backlog_records{queue="activities"} 10.0' in process.get("/metrics")[1]
        worker = WorkerProcess(settings, tmp_path)
        try:
            until(lambda: process.ask("vitals")["rejected"] == 1, "one is rejected")
            until(lambda: process.ask("vitals")["activities"]["waiting"] == 0, "none waits")
            until(lambda: process.ask("vitals")["rejects"], "the reject is seen")
        finally:
            worker.kill()
        (kind,) = process.ask("vitals")["rejects"]
        assert (kind["reason"], kind["samples"][0]["key"]) == ("empty_title", "u")


def test_a_user_can_be_shown_and_a_journeys_history(settings: Settings, tmp_path: Path) -> None:
    admin.create(settings)
    publish_sample(settings)
    shown = journeys(settings, "show", USER, "--json")
    assert shown.returncode == 0, shown.stderr
    found = [json.loads(line) for line in shown.stdout.splitlines()]
    assert {one["user_id"] for one in found} == {USER}
    table = journeys(settings, "show", USER)
    assert all(one["name"] in table.stdout and one["kind"] in table.stdout for one in found)
    themes = [one["theme"]["name"] for one in found if one["theme"] and one["theme"]["name"]]
    assert all(theme in table.stdout for theme in themes)
    context = journeys(settings, "show", USER, "--context")
    assert context.stdout.startswith(f"Lasting interests of {USER}")
    told = journeys(settings, "history", found[0]["journey_id"])
    assert told.stdout.splitlines()[0].split()[1] == "started"
    unknown = journeys(settings, "history", "j0")
    assert (unknown.returncode, unknown.stderr) == (1, "journeys: there is no journey j0\n")
    nobody = journeys(settings, "show", "nobody")
    assert (nobody.returncode, nobody.stderr) == (0, "no journeys of nobody are known\n")


async def test_an_assistant_is_told_a_persons_interests(settings: Settings) -> None:
    admin.create(settings)
    publish_sample(settings)
    server = StdioServerParameters(
        command=sys.executable, args=["-P", "-m", "streams.cli", "mcp"], env=environment(settings)
    )
    async with stdio_client(server) as streams, ClientSession(*streams) as session:
        await session.initialize()
        answer = await session.call_tool("interests", {"user_id": USER})
        assert said(answer).startswith(f"Lasting interests of {USER}")
        unknown = await session.call_tool("history", {"journey_id": "j0"})
        assert unknown.is_error
        assert "there is no journey j0" in said(unknown)


def test_a_broker_that_goes_is_told_and_one_that_is_new_is_read_anew(tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        settings = Settings.load(
            broker=broker.address, web_port=0, data_dir=tmp_path / "state", broker_timeout=2
        )
        admin.create(settings)
        publish_sample(settings)
        shown = journeys(settings, "show", USER, "--json").stdout
        assert shown
        with monitor(settings, tmp_path) as process:
            process.wait_ready()
            os.kill(broker.pid, signal.SIGKILL)
            until(lambda: process.get("/readyz")[0] == 503, "it is not ready")
            assert process.ask("journeys", user=USER)
            assert process.get("/healthz")[0] == 200
            told = process.get("/metrics")[1]
            assert "journeys_broker_up 0.0" in told
            assert "journeys_backlog_records{" not in told, "what was seen last is not how it is"
    with EmbeddedBroker() as other:
        settings = settings.model_copy(update={"broker": other.address})
        admin.create(settings)
        again = journeys(settings, "show", USER)
        assert again.stderr.splitlines()[-1] == f"no journeys of {USER} are known"
        assert "belongs to other topics than these" in again.stderr


def test_nobody_is_let_in_without_the_token(settings: Settings, tmp_path: Path) -> None:
    admin.create(settings)
    with monitor(settings, tmp_path, web_token="s3cret") as process:
        process.wait_ready()
        assert process.get("/api/users")[0] == 401
        url = f"http://127.0.0.1:{process.settings.web_port}/api/users"
        for headers in ({"Authorization": "Bearer s3cret"}, {"Cookie": "journeys_token=s3cret"}):
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
                assert answer.status == 200
        wrong = urllib.request.Request(url, headers={"Authorization": "Bearer s3cre"})
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(wrong)
        elsewhere = urllib.request.Request(url, headers={"Host": "made-up.example"})
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(elsewhere)


def test_it_is_not_open_to_others_without_a_token() -> None:
    with pytest.raises(SettingsError, match="set JOURNEYS_WEB_TOKEN"):
        run(Settings.load(web_host="0.0.0.0"))
