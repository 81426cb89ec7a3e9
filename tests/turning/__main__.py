"""The command line; exit code 1 where anything was found."""

import argparse
import asyncio
import sys

from tests.turning.turning import turn


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.turning")
    parser.add_argument("--orders", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3, help="rotations of everything, at least")
    asked = parser.parse_args()
    found = asyncio.run(turn(asked.orders, asked.rounds, lambda line: print(line, flush=True)))
    return 1 if found else 0


sys.exit(main())
