"""What an evaluation comes to: the reliability of the confidence, and all numbers for JSON."""

from collections.abc import Sequence
from typing import Any

import msgspec

from models.engine.params import EngineParams
from models.evaluation.extraction.calibration import Calibration, calibrate, outcomes
from models.evaluation.extraction.experiment import Result


def calibration(results: Sequence[Result], params: EngineParams) -> dict[str, Calibration]:
    """Reliability of the engine's confidence, for each collection of people and for all."""
    judged = {
        result.collection.name: outcomes(result.collection.people, result.engine, params)
        for result in results
        if result.reading == "people"
    }
    judged["all"] = [outcome for name in list(judged) for outcome in judged[name]]
    reliability = {name: calibrate(outcome) for name, outcome in judged.items()}
    return {name: value for name, value in reliability.items() if value is not None}


def numbers(results: Sequence[Result], calibration: dict[str, Calibration]) -> dict[str, Any]:
    """All numbers, ready to be written as JSON."""
    whole: dict[str, Any] = msgspec.to_builtins(
        {
            "collections": [
                {
                    "name": result.collection.name,
                    "reading": result.reading,
                    "note": result.collection.note,
                    "people": len(result.collection.people),
                    "activities": sum(
                        len(person.activities) for person in result.collection.people
                    ),
                    "truth": result.truth,
                    "methods": result.rows,
                }
                for result in results
            ],
            "calibration": calibration,
        }
    )
    return whole
