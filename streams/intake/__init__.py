"""The intake: the service that turns events of any form and key into plain activities.

It maps them, looks up what the catalogue knows of their items, and writes each to the partition of
its user; exactly once, by transactions. It keeps no state but a copy of the catalogue.
"""
