"""What was published, kept so that it can be asked: a store, rebuilt from the topics alone.

`follow` reads `journeys` and `journey-changes` into `store`, which is a `copy` as others may be;
`questions` asks it, and `answers` says what comes back. The page, the HTTP API, the MCP server and
commands ask the same questions.
"""
