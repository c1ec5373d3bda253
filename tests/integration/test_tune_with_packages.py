"""The tests of tuning where its packages are: in the virtual environment of the vLLM server.

They skip themselves without torch, which is too large to be a dependency of the suite.
"""

import subprocess
import sys

from tests.support.servers import ROOT

TESTS = ("tests/unit/test_tuning.py", "tests/unit/test_soft_prompt.py")


def test_what_is_skipped_without_torch_passes_with_it(with_packages: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--vllm", "stub", *TESTS],
        cwd=ROOT,
        env=with_packages | {"PYTEST_ADDOPTS": ""},  # not for a few tests: the coverage asked for
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "skipped" not in done.stdout
