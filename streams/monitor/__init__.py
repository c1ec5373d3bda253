"""The service that people look at: an HTTP API over what was published, a live feed, and a page."""
