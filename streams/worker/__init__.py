"""The worker: the service that turns activities into journeys.

It takes batches through the stages and writes what follows, only where it is sure that it owns the
partition.
"""
