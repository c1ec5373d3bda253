"""The webhook: the service that sends changes to somebody else's HTTP endpoint.

`app` puts it together; `choose` says which changes, `deliveries` keeps order, tries again and gives
up, `receiver` is the endpoint, `health` says how it stands.
"""
