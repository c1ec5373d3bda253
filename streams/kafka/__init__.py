"""Kafka as the services use it: what reads, what writes, and what the topics are made like.

Records come in batches (`transport`, `messages`) and go out in batches (`sending`, `producers`), to
the partition that their key belongs to (`partitioning`). The rest is for all who talk to a broker:
`clients`, `admin` and `activities` for commands, `failfast` and `quiet` for services.
"""
