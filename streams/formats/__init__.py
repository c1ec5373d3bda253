"""Bytes to objects and back: JSON, and behind a schema registry Avro, Protobuf and JSON Schema.

`values` reads what others write, `writing` and `reading` are for what we write ourselves by
`schemas` made from the records. `registry` is asked for schemas; `extra` says what to install.
"""
