"""Protobuf messages of a schema's text, as generated code would have them."""

import tempfile
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

INCLUDED = Path(protoc.__file__).parent / "_proto"


def message_class(text: str, name: str, imported: dict[str, str] | None = None) -> Any:
    """The class of a message, by its full name."""
    with tempfile.TemporaryDirectory() as folder:
        for file, one in {**(imported or {}), "schema.proto": text}.items():
            path = Path(folder, file)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(one)
        made = Path(folder, "made")
        failed = protoc.main(
            [
                "protoc",
                f"-I{folder}",
                f"-I{INCLUDED}",
                f"--descriptor_set_out={made}",
                "--include_imports",
                "schema.proto",
            ]
        )
        assert not failed
        files = descriptor_pb2.FileDescriptorSet.FromString(made.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for found in files.file:
        pool.Add(found)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
