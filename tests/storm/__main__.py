"""The command line of the storm; exit code 1 where the judge found anything."""

import argparse
import asyncio
import random
import sys

from tests.storm.plan import Scale
from tests.storm.storm import storm


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.storm")
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("--codes", type=int, default=1500)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--delivered", type=int, default=1400, help="fewest that will do")
    parser.add_argument("--spread", type=float, default=60, help="seconds in which buyers come")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked = parser.parse_args()
    scale = Scale(
        orders=asked.orders,
        codes=asked.codes,
        kills=asked.kills,
        delivered=asked.delivered,
        spread=asked.spread,
    )
    violations = asyncio.run(storm(scale, asked.seed, say=lambda line: print(line, flush=True)))
    return 1 if violations else 0


sys.exit(main())
