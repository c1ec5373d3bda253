"""A container's health check: `python healthy.py [PATH]` ends with 0 if the service there says so.

PATH is `/healthz` (is it alive; the default) or `/readyz` (can it work). A container runs one
service, so whichever answers is the one; commands that end by themselves have none.
"""

import os
import sys
import urllib.error
import urllib.request

PORTS = (6066, 6067, 6068, 6069, 6070, 6071)  # worker, namer, intake, monitor, webhook, users


def main(path: str) -> int:
    """The exit status."""
    asked = os.environ.get("JOURNEYS_WEB_PORT")
    for port in (asked,) if asked else PORTS:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=4) as answer:
                print(answer.read().decode().strip())
            return 0
        except urllib.error.HTTPError as error:
            print(error.read().decode().strip())
            return 1
        except OSError:
            continue
    print("nothing answers")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:] or ["/healthz"]))
