"""Runs the far side: `python -m keystall.platform.sandbox --home DIR --port N [--bind ADDR]`.

The signing secret comes from KEYSTALL_SANDBOX_SECRET, never from an argument that a process list
would show. Exit code 2: something in the arguments or the environment is wrong.
"""

import argparse
import os
import sys
from pathlib import Path

import uvicorn

from keystall.platform.payments.signing import UnusableSecret
from keystall.platform.sandbox.app import create_app


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m keystall.platform.sandbox")
    parser.add_argument("--home", type=Path, required=True, help="folder of the journal")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--bind", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--mail", type=Path, help="folder of sent mail; default HOME/mail")
    asked = parser.parse_args()
    try:
        app = create_app(
            asked.home,
            secret=os.environ.get("KEYSTALL_SANDBOX_SECRET", ""),
            mail_folder=asked.mail or asked.home / "mail",
        )
    except UnusableSecret as error:
        print(f"KEYSTALL_SANDBOX_SECRET: {error}", file=sys.stderr)
        return 2
    uvicorn.run(
        app,
        host=asked.bind,
        port=asked.port,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=3,
        server_header=False,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
