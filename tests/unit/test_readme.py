"""What the README shows works as it stands there."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import kafka
import pytest

from models.encoders.cache import VectorCache
from models.encoders.encoder import Encoder
from models.engine.params import EngineParams
from models.records import cloudevent, encode
from streams.demo.sample.generator import generate
from streams.replay import Replay

README = Path(__file__).parents[2] / "README.md"


def test_the_subscriber_shows_a_name_for_every_change(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [encode(activity) for activity in generate().activities[:1_000]]
    replay = Replay(EngineParams(), VectorCache(Encoder.open("fast"), 5_000))
    changes = [
        change
        for step in replay.run([lines])
        for outcome in step.outcomes
        for change in outcome.changes
    ]
    assert {change.kind for change in changes} >= {"started", "named", "dormant"}

    def consumer(*_: object, **__: object) -> Iterator[SimpleNamespace]:
        return iter([SimpleNamespace(value=cloudevent(change)) for change in changes])

    monkeypatch.setattr(kafka, "KafkaConsumer", consumer)
    code = README.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    exec(compile(code, "README.md", "exec"), {})
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == len(changes)
    assert not [line for line in shown if line.endswith(" None")]
