"""The storm's short form: every kind of process dies, and nobody waits for a hold to end."""

import sys
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import pytest

from tests.storm.judge import Entry
from tests.storm.mutants import overlooked
from tests.storm.plan import KINDS, Scale, make_plan
from tests.storm.storm import storm

SHORT = Scale(orders=80, codes=60, kills=4, delivered=50, spread=4, waits=False)


def test_a_seed_makes_one_plan_in_which_every_kind_dies() -> None:
    plan = make_plan(SHORT, 7)

    assert make_plan(SHORT, 7) == plan != make_plan(SHORT, 8)
    assert {kill.kind for kill in plan.kills} == set(KINDS)
    assert len(set(plan.codes)) == 60


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_nothing_is_lost_or_doubled_while_processes_die_and_the_judge_would_see_it(
    demo_home: Path,
) -> None:
    told: list[str] = []
    missed: list[str] = []

    async def try_the_judge(database: asyncpg.Connection, journal: Sequence[Entry]) -> None:
        missed.extend(await overlooked(database, journal))

    violations = await storm(
        SHORT, seed=20261122, say=told.append, afterwards=try_the_judge, filled=demo_home
    )

    assert violations == [], "\n".join(told)
    assert missed == []
