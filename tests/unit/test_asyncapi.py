"""The contract as a document: true of what is written, readable by its own parser, and kept."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator, ValidationError

from models.decoding import decode_activity
from models.errors import Rejected
from models.records import Activity, change_data, cloudevent, encode, with_name
from streams.cli import main
from streams.demo.sample.generator import generate
from streams.formats import asyncapi
from streams.formats.writing import output_format
from streams.settings import Settings
from tests.support.published import sample
from tests.support.records import CHANGES, JOURNEYS
from tests.support.users import fold

KEPT = Path(__file__).parents[1] / "data" / "contract"
ACTIVITY = {
    "event_id": "e",
    "user_id": "u",
    "item_id": "i",
    "title": "A title",
    "occurred_at": "2024-01-01T00:00:00Z",
}


def validator(message: str) -> Draft202012Validator:
    schema = asyncapi.json_schema(Settings.load(), message)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_what_is_written_is_as_the_document_says() -> None:
    change, journey = validator("JourneyChange"), validator("CurrentJourney")
    for one in [*CHANGES, *sample().changes]:
        change.validate(json.loads(cloudevent(one)))
        validator("NamedChange").validate(json.loads(with_name(cloudevent(one), "Chess")))
    for current in [*JOURNEYS, *sample().journeys]:
        journey.validate(json.loads(encode(current)))
    row = validator("UserJourneys")
    for value in fold(sample().journeys).values():
        row.validate(json.loads(value))
    for activity in generate().activities[:200]:
        validator("WireActivity").validate(activity)


def test_in_binary_mode_headers_and_value_are_as_the_document_says() -> None:
    settings = Settings.load(output_format="json-binary")
    document = asyncapi.document(settings)
    message = document["components"]["messages"]["ChangeData"]
    assert message["contentType"] == "application/json"
    for change in CHANGES:
        value, headers = output_format(settings).change(change)
        assert value == encode(change_data(change))
        said = {name: text.decode() for name, text in headers if name != "content-type"}
        for part, one in (("payload", json.loads(value)), ("headers", said)):
            schema = {**message[part], "components": document["components"]}
            Draft202012Validator(schema).validate(one)


@pytest.mark.parametrize("output_format", ["json", "json-binary"])
def test_every_message_has_an_example_that_is_as_the_document_says(output_format: str) -> None:
    document = asyncapi.document(Settings.load(output_format=output_format))
    for name, message in document["components"]["messages"].items():
        (example,) = message["examples"]
        assert example.keys() == message.keys() & {"payload", "headers"}
        for part, one in example.items():
            schema = {**message[part], "components": document["components"]}
            found = Draft202012Validator(
                schema, format_checker=Draft202012Validator.FORMAT_CHECKER
            ).iter_errors(one)
            assert not list(found), f"{name}: {part}"
    activity = document["components"]["messages"]["WireActivity"]["examples"][0]["payload"]
    decode_activity(activity["user_id"].encode(), encode(activity))


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": ""},
        {"user_id": 7},
        {"occurred_at": None},
        {"weight": 0},
        {"terms": {"a": "b"}},
        {"vector": []},
        {"text": 7},
        {"v": 2},
    ],
)
def test_what_the_document_forbids_is_rejected(wrong: dict[str, Any]) -> None:
    validator("WireActivity").validate(ACTIVITY)
    decode_activity(b"u", encode(ACTIVITY))
    with pytest.raises(ValidationError):
        validator("WireActivity").validate(ACTIVITY | wrong)
    with pytest.raises(Rejected):
        decode_activity(b"u", encode(ACTIVITY | wrong))


def test_every_field_that_is_read_is_in_the_document() -> None:
    described = set(
        asyncapi.json_schema(Settings.load(), "WireActivity")["$defs"]["WireActivity"]["properties"]
    )
    assert {field.name for field in msgspec.structs.fields(Activity)} <= described


@pytest.mark.parametrize("message", asyncapi.messages(Settings.load()))
def test_a_reader_of_before_reads_what_is_written_now(message: str) -> None:
    before = json.loads((KEPT / f"{message}.json").read_text())
    now = asyncapi.json_schema(Settings.load(), message)
    sent = message not in ("WireActivity", "JourneyName")  # by us, to readers of before
    for name, definition in before["$defs"].items():
        held = now["$defs"][name]
        for field, kind in definition["properties"].items():
            assert field in held["properties"], f"{name}.{field} is gone"
            assert shape(held["properties"][field]) == shape(kind), (
                f"{name}.{field} is another type"
            )
        if sent:
            assert set(definition.get("required", [])) <= set(held.get("required", []))
        else:
            assert set(held.get("required", [])) <= set(definition.get("required", []))


def shape(kind: dict[str, Any]) -> Any:
    """A field's type, without its bounds, its default and what is said of it."""
    if "anyOf" in kind:
        return sorted(json.dumps(shape(one)) for one in kind["anyOf"])
    return {key: kind[key] for key in ("type", "$ref", "format", "enum") if key in kind}


def test_its_own_parser_takes_the_document(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("needs npm")
    result = CliRunner().invoke(main, ["schema", "--topic-prefix", "prod-"])
    assert json.loads(result.output)["channels"]["changes"]["address"] == "prod-journey-changes"
    (tmp_path / "asyncapi.json").write_text(result.output)
    (tmp_path / "check.cjs").write_text(
        "const { Parser } = require('@asyncapi/parser');\n"
        "const text = require('fs').readFileSync('asyncapi.json', 'utf8');\n"
        "new Parser().parse(text).then(({ document, diagnostics }) => {\n"
        "  const wrong = diagnostics.filter((one) => one.severity <= 1);\n"
        "  console.log(JSON.stringify({ channels: document?.channels().length ?? 0, wrong }));\n"
        "});\n"
    )
    install = [npm, "install", "--silent", "--no-audit", "--no-fund", "@asyncapi/parser@3.6.0"]
    subprocess.run(install, cwd=tmp_path, check=True, timeout=250)
    done = subprocess.run(
        ["node", "check.cjs"], cwd=tmp_path, check=True, capture_output=True, timeout=60
    )
    assert json.loads(done.stdout) == {"channels": 8, "wrong": []}


def test_an_unknown_message_is_one_line() -> None:
    result = CliRunner().invoke(main, ["schema", "--message", "No"])
    assert result.exit_code == 2
    assert "none of WireActivity, JourneyChange" in result.output
