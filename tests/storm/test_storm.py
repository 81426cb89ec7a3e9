"""The storm's short form: every kind of process dies, and nobody waits for a hold to end."""

import sys

import pytest

from tests.storm.plan import KINDS, Scale, make_plan
from tests.storm.storm import storm

SHORT = Scale(orders=120, codes=90, kills=6, delivered=75, spread=6, waits=False)


def test_a_seed_makes_one_plan_in_which_every_kind_dies() -> None:
    plan = make_plan(SHORT, 7)

    assert make_plan(SHORT, 7) == plan != make_plan(SHORT, 8)
    assert {kill.kind for kill in plan.kills} == set(KINDS)
    assert len(set(plan.codes)) == 90


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_nothing_is_lost_or_doubled_while_processes_die() -> None:
    told: list[str] = []

    violations = await storm(SHORT, seed=20261122, say=told.append)

    assert violations == [], "\n".join(told)
