"""The stages, named for what they do to the data on its path.

activity-events ─► read ─► embed ─► assign ─► promote ─► publish ─► journey-changes, journeys
                    │                ▲                      └─────► naming-requests ─► name
                    ▼                └── journey-names ◄───────────────────────────────┘
             activity-rejects

Start reading at `streams/worker/app.py`; what a stage works with is in `models/`.
"""
