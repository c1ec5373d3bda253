"""Journeys on a stream: the stages, named for what they do to the data on its path.

activity-events ─► read ─► embed ─► assign ─► publish ─► journey-changes
   (by user)        │                ▲  │         │
                    ▼                │  ▼         ├────► journeys
             activity-rejects     user state      └────► naming-requests
                                     ▲                        │
                                     └─── journey-names ◄─── name

Boxes are files in `streams/stages/`, arrows are Kafka topics; user state is `streams/state/`. Read
`models/engine/engine.py` (the pure core), then `streams/worker/batches.py` and the stages it calls.
"""
