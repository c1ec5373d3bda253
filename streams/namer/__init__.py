"""The namer: the service that gives journeys their names.

`app` puts it together, `health` says how it stands; the queue it works on is
`streams.stages.name`, the names are made in `models.naming`.
"""
