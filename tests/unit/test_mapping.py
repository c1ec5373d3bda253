"""A mapping makes activities of events of theirs, or says in one line why not."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from models.errors import Reason, Rejected, SettingsError
from models.mapping.file import presets
from models.mapping.mapping import Mapping, SourceEvent
from models.records import Activity

Load = Callable[..., Mapping]

PLAIN = """
[activity]
event_id = "id"
user_id = ["user.id", "user.anonymous"]
item_id = "item"
title = "title"
occurred_at = "at"
type = "type"
weight = "weight"
terms = "terms"
vector = "vector"
text = ["item_text", "about.summary"]
"""
EVENT: dict[str, Any] = {
    "id": "e1",
    "user": {"id": "u1"},
    "item": "i1",
    "title": " Jazz ",
    "at": "2024-02-29T12:00:00Z",
}


@pytest.fixture
def mapping(tmp_path: Path) -> Load:
    def load(text: str = PLAIN, **more: Any) -> Mapping:
        path = tmp_path / "views.toml"
        path.write_text(text, encoding="utf-8")
        return Mapping.load(str(path), **more)

    return load


def one(mapping: Mapping, value: Any, **record: Any) -> Activity:
    (activity,) = mapping.activities(SourceEvent(value, **record))
    return activity


def rejected(mapping: Mapping, value: Any, **record: Any) -> Rejected:
    with pytest.raises(Rejected) as error:
        mapping.activities(SourceEvent(value, **record))
    return error.value


def test_an_event_becomes_an_activity(mapping: Load) -> None:
    event = EVENT | {"type": "play", "weight": "2.5", "terms": {"jazz": 1}, "vector": [1, 0.5]}
    assert one(mapping(), event) == Activity(
        "e1", "u1", "i1", "Jazz", 1_709_208_000_000, "play", 2.5, {"jazz": 1.0}, [1.0, 0.5]
    )


def test_a_text_is_found_cut_and_no_part_of_a_derived_id(mapping: Load) -> None:
    bare = EVENT | {"id": None}
    told = bare | {"item_text": " ", "about": {"summary": "x" * 300}}
    assert one(mapping(), bare).text is None
    assert one(mapping(), told).text is None, "the first path has something"
    told["item_text"] = ""
    assert one(mapping(), told).text == "x" * 280
    assert one(mapping(), told).event_id == one(mapping(), bare).event_id
    lost = rejected(mapping(), bare | {"item_text": ["x"]})
    assert (lost.reason, lost.detail) == (
        Reason.INVALID,
        "text is a list, and a text or a number is wanted",
    )


@pytest.mark.parametrize("nothing", [None, "", ...])
def test_the_first_path_with_something_wins(mapping: Load, nothing: Any) -> None:
    user = {"anonymous": "a7"} if nothing is ... else {"id": nothing, "anonymous": "a7"}
    assert one(mapping(), EVENT | {"user": user}).user_id == "a7"
    lost = rejected(mapping(), EVENT | {"user": None})
    assert lost.reason is Reason.MISSING
    assert lost.detail == "user_id: nothing at user.id or user.anonymous"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (42, "42"),
        (42.0, "42"),
        (-7, "-7"),
        (2**70, str(2**70)),
        (4.25, "4.25"),
        (Decimal("42.00"), "42"),
        (UUID(int=5), str(UUID(int=5))),
        ("7\ud83d7", "7\ufffd7"),
        ("\ud83d\ude00", "\U0001f600"),
    ],
)
def test_ids_become_text(mapping: Load, given: Any, text: str) -> None:
    assert one(mapping(), EVENT | {"item": given}).item_id == text


@pytest.mark.parametrize("given", [True, {}, [], ["i1"], float("nan"), 10**400, b"i1"])
def test_what_is_no_id_is_invalid(mapping: Load, given: Any) -> None:
    assert rejected(mapping(), EVENT | {"item": given}).reason is Reason.INVALID


def test_an_event_id_is_derived_from_the_content(mapping: Load) -> None:
    event = {name: value for name, value in EVENT.items() if name != "id"}
    first = one(mapping(), event)
    assert first == one(mapping(), event | {"at": "2024-02-29T13:00:00+01:00", "colour": "red"})
    others = [{"item": "i2"}, {"title": "Blues"}, {"type": "play"}, {"at": "2024-02-29T12:00:01Z"}]
    ids = {one(mapping(), event | other).event_id for other in others}
    assert len(ids | {first.event_id}) == 5


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"jazz": 2, "blues": "0.5"}, {"jazz": 2.0, "blues": 0.5}),
        (["jazz", "blues", "", None], {"jazz": 1.0, "blues": 1.0}),
        ([{"term": "jazz", "score": 0.25}, {"term": "blues"}], {"jazz": 0.25, "blues": 1.0}),
        ([], None),
        ("", None),
        (None, None),
    ],
)
def test_terms_come_in_three_forms(mapping: Load, given: Any, read: Any) -> None:
    assert one(mapping(), EVENT | {"terms": given}).terms == read


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("title", None, Reason.MISSING),
        ("title", " \n", Reason.EMPTY_TITLE),
        ("title", ["Jazz"], Reason.INVALID),
        ("weight", 0, Reason.BAD_WEIGHT),
        ("weight", "much", Reason.BAD_WEIGHT),
        ("weight", 10**400, Reason.BAD_WEIGHT),
        ("terms", "jazz", Reason.INVALID),
        ("terms", {"jazz": -1}, Reason.INVALID),
        ("terms", {"jazz": None}, Reason.INVALID),
        ("vector", [], Reason.BAD_VECTOR),
        ("vector", "1,2", Reason.BAD_VECTOR),
        ("vector", [1, None], Reason.BAD_VECTOR),
        ("at", None, Reason.MISSING),
        ("at", {}, Reason.BAD_TIME),
        ("at", 1_709_208_000, Reason.BAD_UNIT),
        ("id", "e" * 257, Reason.INVALID),
    ],
)
def test_a_bad_event_is_rejected_with_its_reason(
    mapping: Load, field: str, value: Any, reason: Reason
) -> None:
    assert rejected(mapping(), EVENT | {field: value}).reason is reason


@pytest.mark.parametrize("value", [None, 7, "text", [], [EVENT], {}])
def test_an_event_of_another_shape_is_rejected(mapping: Load, value: Any) -> None:
    assert rejected(mapping(), value).reason is Reason.MISSING


def test_long_titles_are_cut(mapping: Load) -> None:
    assert one(mapping(), EVENT | {"title": "Jazz " * 900}).title == ("Jazz " * 200).strip()


def test_titles_may_be_somebody_elses(mapping: Load) -> None:
    bare = {name: value for name, value in EVENT.items() if name != "title"}
    assert one(mapping(titled=False), bare).title == ""
    assert one(mapping(titled=False), EVENT).title == "Jazz"


def test_weights_go_by_type_unless_the_event_says(mapping: Load) -> None:
    weighted = mapping(PLAIN + "[weights]\nbuy = 3\n")
    assert one(weighted, EVENT | {"type": "buy"}).weight == 3.0
    assert one(weighted, EVENT | {"type": "buy", "weight": 0.5}).weight == 0.5
    assert one(weighted, EVENT | {"type": "view"}).weight == one(weighted, EVENT).weight == 1.0


def test_what_is_beside_the_value_can_be_read(mapping: Load) -> None:
    beside = mapping(
        """
        [activity]
        user_id = "$key"
        item_id = "$headers.item-id"
        title = "$topic"
        occurred_at = ["at", "$timestamp"]
        type = {value = "view"}
        [time]
        unit = "s"
        """
    )
    record = {
        "key": b"u\xc3\xa9",
        "headers": {"item-id": b"i9"},
        "topic": "t",
        "timestamp": 1709208e6,
    }
    activity = one(beside, {}, **record | {"timestamp": 1_709_208_000_123})
    assert (activity.user_id, activity.item_id, activity.title) == ("ué", "i9", "t")
    assert (activity.occurred_at, activity.type) == (1_709_208_000_123, "view")
    assert one(beside, {"at": 1_709_208_000}, **record).occurred_at == 1_709_208_000_000
    assert rejected(beside, {}, **record | {"timestamp": -1}).reason is Reason.MISSING


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("a.b[1].title", "Jazz"),
        ("a.b[-1].title", "Jazz"),
        ("a.b[7].title", None),
        ("a.title", None),
        ('a."the title"', "Blues"),
        ("a.b[?key=='t'].title | [0]", "Jazz"),
        ("parse_json(text).title", "Soul"),
        ('parse_json(a)."the title"', "Blues"),
        ("parse_json(nowhere).title", None),
        ("header('x')", "Funk"),
        ("join(' ', [a.\"the title\", 'now'])", "Blues now"),
    ],
)
def test_paths(mapping: Load, path: str, title: str | None) -> None:
    value = EVENT | {
        "a": {"b": [{"key": "s"}, {"key": "t", "title": "Jazz"}], "the title": "Blues"},
        "text": '{"title": "Soul"}',
    }
    titled = mapping(PLAIN.replace('title = "title"', f"title = ['''{path}''', 'none']"))
    if title is None:
        assert rejected(titled, value).reason is Reason.MISSING
    else:
        assert one(titled, value, headers={"x": b"Funk"}).title == title


def test_what_a_function_cannot_take_is_rejected(mapping: Load) -> None:
    joined = mapping(PLAIN.replace('title = "title"', "title = \"join(' ', words)\""))
    error = rejected(joined, EVENT | {"words": 7})
    assert error.reason is Reason.INVALID
    assert "join(' ', words)" in error.detail
    parsed = mapping(PLAIN.replace('title = "title"', 'title = "parse_json(text).title"'))
    assert rejected(parsed, EVENT | {"text": '{"ti'}).reason is Reason.NOT_JSON


@pytest.mark.parametrize(
    ("condition", "holds", "fails"),
    [
        ('in = ["a", 1]', ["a", 1, 1.0], ["b", True, None, "", [], {}]),
        ('not_in = ["a", true]', ["b", 1, None, []], ["a", True]),
        ("equals = true", [True], [1, "true", None]),
        ("equals = 0", [0, 0.0], [False, "", None, "0"]),
        ("exists = true", ["a", 0, False, []], [None, ""]),
        ("exists = false", [None, ""], ["a", 0]),
        ("min = 2\nmax = 3", [2, "2.5", 3.0], [1, 4, None, "many", True, float("nan")]),
    ],
)
def test_an_event_that_fails_a_condition_does_not_count(
    mapping: Load, condition: str, holds: list[Any], fails: list[Any]
) -> None:
    only = mapping(f'{PLAIN}[[only]]\npath = "x"\n{condition}\n')
    for value in holds:
        assert len(only.activities(SourceEvent(EVENT | {"x": value}))) == 1, value
    for value in fails:
        assert only.activities(SourceEvent(EVENT | {"x": value})) == [], value
        assert only.activities(SourceEvent({"x": value})) == []  # however broken the rest


def test_a_condition_is_not_asked_once_another_fails(mapping: Load) -> None:
    only = mapping(
        PLAIN + "[[only]]\npath = 'type'\nequals = 'read'\n"
        "[[only]]\npath = \"starts_with(section, 'news')\"\nequals = false\n"
    )
    assert only.activities(SourceEvent(EVENT | {"type": "ping"})) == []
    assert one(only, EVENT | {"type": "read", "section": "sport"}).type == "read"
    assert rejected(only, EVENT | {"type": "read", "section": 7}).reason is Reason.INVALID


def test_each_element_is_an_activity(mapping: Load) -> None:
    several = mapping(
        'each = "products"\n'
        + PLAIN.replace('item_id = "item"', 'item_id = ["each.id", "item"]').replace(
            'title = "title"', 'title = ["each.name", "title"]'
        )
        + '[[only]]\npath = ["each.kind", "kind"]\nnot_in = ["voucher"]\n'
    )
    assert several.several
    products = [{"id": 1, "name": "Reed"}, {"id": 2, "kind": "voucher"}, {"id": 3, "name": "Oil"}]
    found = several.activities(SourceEvent(EVENT | {"products": products}))
    assert [(a.event_id, a.item_id, a.title) for a in found] == [
        ("e1/0", "1", "Reed"),
        ("e1/2", "3", "Oil"),
    ]
    nothing: list[Any] = [[], None, "no list"]
    for none in nothing:
        assert one(several, EVENT | {"products": none}).event_id == "e1"
    assert rejected(several, EVENT | {"products": [{"id": []}]}).reason is Reason.INVALID


def test_a_file_extends_a_preset(mapping: Load) -> None:
    orders = mapping(
        """
        extends = "debezium"
        topics = ["shop.public.orders"]
        [activity]
        user_id = "payload.after.buyer"
        [time]
        unit = "us"
        [[only]]
        path = "payload.after.state"
        equals = "paid"
        """
    )
    row = {
        "id": 1,
        "buyer": 9,
        "product_id": 5,
        "name": "Reed",
        "created_at": 1_709_208_000_000_000,
    }
    event = {"payload": {"op": "c", "after": row | {"state": "paid"}}}
    activity = one(orders, event)
    assert (activity.user_id, activity.item_id, activity.title) == ("9", "5", "Reed")
    assert activity.occurred_at == 1_709_208_000_000
    assert orders.topics == ("shop.public.orders",)
    assert orders.activities(SourceEvent({"payload": {"op": "c", "after": row}})) == []
    assert orders.activities(SourceEvent({"payload": {"op": "d", "after": row}})) == []


def test_a_file_extends_a_file_and_drops_its_conditions(mapping: Load, tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(PLAIN + '[[only]]\npath = "x"\nexists = true\n')
    assert mapping('extends = "base.toml"').activities(SourceEvent(EVENT)) == []
    assert one(mapping('extends = "base.toml"\nonly = []'), EVENT).event_id == "e1"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("user_id", "views.toml: not TOML: "),
        ("activty = 1", "views.toml: activty: unknown; do you mean activity?"),
        ("[activity]\nuserid = 'a'", "views.toml: activity.userid: unknown; do you mean user_id?"),
        ("activity = 7", "views.toml: activity: a table is wanted"),
        ("[activity]", "views.toml: activity.user_id: a path is wanted"),
        (PLAIN.replace("at =", "att ="), "views.toml: activity.occurred_att: unknown; do you mean"),
        (
            PLAIN.replace('"at"', "7"),
            "views.toml: activity.occurred_at: a path, or a list of paths",
        ),
        (PLAIN.replace('"at"', "{x = 7}"), 'occurred_at: a constant is written {value = "…"}'),
        (
            PLAIN.replace('"at"', '"a..b"'),
            "occurred_at: 'a..b' is neither a dotted path nor JMESPath",
        ),
        (PLAIN.replace('"at"', '"a[?"'), "'a[?' is neither a dotted path nor JMESPath: Invalid"),
        (PLAIN.replace('"at"', '"upcase(a)"'), "no function upcase()"),
        (PLAIN.replace('"at"', '"lenght(a)"'), "no function lenght(); do you mean length()?"),
        (PLAIN.replace('"at"', '"length(a, b)"'), "length() takes 1 arguments, not 2"),
        (PLAIN.replace('"at"', '"$timestmp"'), "$timestmp is unknown; do you mean $timestamp?"),
        (PLAIN.replace('"at"', '"each.at"'), "each.at: this mapping has no `each`"),
        (PLAIN + "[time]\nunit = 'sec'", "time.unit: 'sec' is unknown; known: s, ms, us"),
        (PLAIN + "[time]\nunit = '%Q'", "time.unit: 'Q' is a bad directive"),
        (PLAIN + "[time]\nzone = 'Berlin'", "time.zone: 'Berlin' is no zone that"),
        (PLAIN + "[time]\nzome = 'UTC'", "time.zome: unknown; do you mean zone?"),
        (PLAIN + "[weights]\nbuy = 0", "weights.buy: a number in (0, 1e+06] is wanted"),
        (PLAIN + "[[only]]\npath = 'x'", "only[1]: a path and a test"),
        (PLAIN + "[[only]]\npath = 'x'\nis = 1", "only[1].is: unknown; "),
        (PLAIN + "[[only]]\npath = 'x'\nin = 'a'", "only[1].in: a list"),
        (PLAIN + "[[only]]\npath = 'x'\nmin = 'a'", "only[1].min: a number is wanted"),
        ("format = 'avro'\n" + PLAIN, "format: 'avro' is unknown; known: json, registry, auto"),
        ("topics = 'a'\n" + PLAIN, "topics: a list of texts is wanted"),
        ("extends = 'segmnt'", "segmnt: neither a preset nor a file; do you mean segment?"),
        ("extends = 'views.toml'", "views.toml: extends: views.toml extends this file"),
    ],
)
def test_a_mistake_in_a_file_is_one_line_with_its_place(
    mapping: Load, text: str, error: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        mapping(text)
    assert error in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_name_that_is_none_tells_the_presets() -> None:
    with pytest.raises(
        SettingsError, match=r"nowhere: neither a preset nor a file; presets are .*ga4"
    ):
        Mapping.load("nowhere")


def test_every_preset_loads() -> None:
    assert len(presets()) == 9
    assert all(Mapping.load(name).name == name for name in presets())


def test_the_mapping_in_the_readme_works(mapping: Load) -> None:
    path = Path(__file__).parents[2] / "models" / "mapping" / "README.md"
    readme = path.read_text(encoding="utf-8")
    calls = mapping(readme.split("```toml\n")[1].split("```")[0])
    call: dict[str, Any] = {
        "type": "track",
        "event": "Article Read",
        "userId": 7,
        "timestamp": "2025-03-03T09:00:00+01:00",
        "properties": {"article": {"id": 5, "title": "Rye bread"}, "tags": ["bread"]},
    }
    activity = one(calls, call)
    assert (activity.user_id, activity.item_id, activity.title) == ("7", "5", "Rye bread")
    assert (activity.occurred_at, activity.terms) == (1_740_988_800_000, {"bread": 1.0})
    call["properties"]["preview"] = True
    assert calls.activities(SourceEvent(call)) == []


def test_a_cloudevent_in_binary_mode() -> None:
    headers = {
        "ce_specversion": b"1.0",
        "ce_id": b"7",
        "ce_source": b"/shops/1",
        "ce_type": b"item.viewed",
        "ce_time": b"2025-03-03T08:00:00Z",
        "ce_subject": b"i7",
    }
    data = {"user_id": "u1", "title": "Jazz", "id": "not this one"}
    activity = one(Mapping.load("cloudevents"), data, headers=headers)
    assert activity == Activity("/shops/1#7", "u1", "i7", "Jazz", 1_740_988_800_000, "item.viewed")


def test_times_of_a_registry_are_times() -> None:
    row = {"event_id": "e", "user_id": "u", "item_id": "i", "title": "t"}
    moment = datetime(2024, 2, 29, 12, 0, 0, 123_000, UTC)
    assert one(Mapping.load("registry"), row | {"occurred_at": moment}).occurred_at % 1000 == 123
    naive = rejected(Mapping.load("registry"), row | {"occurred_at": moment.replace(tzinfo=None)})
    assert naive.reason is Reason.BAD_TIME
