"""What a seed makes happen: who buys how, and which process dies when. Pure."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Manner = Literal[
    "pays", "pays_unheard", "pays_twice", "fails_first", "told_late", "pays_late",
    "cancels_and_pays", "pays_wrong", "never_pays", "cancels",
]  # fmt: skip
Kind = Literal["web", "worker", "valkey", "postgres"]

KINDS: Sequence[Kind] = ("web", "worker", "valkey", "postgres")
WANTS_GOODS = frozenset(
    {
        "pays",
        "pays_unheard",
        "pays_twice",
        "fails_first",
        "told_late",
        "pays_late",
        "cancels_and_pays",
    }
)
_OF_A_HUNDRED: dict[Manner, int] = {
    "pays": 58, "pays_unheard": 8, "pays_twice": 8, "fails_first": 4, "told_late": 3,
    "pays_late": 4, "cancels_and_pays": 4, "pays_wrong": 4, "never_pays": 4, "cancels": 3,
}  # fmt: skip
# Where nobody can wait for a hold to end, those who would let it end cancel instead.
_WITHOUT_EXPIRY: dict[Manner, Manner] = {
    "told_late": "cancels_and_pays", "pays_late": "cancels_and_pays", "never_pays": "cancels",
}  # fmt: skip
_TWO_AT_ONCE = 0.02
_LAST_KILL = 0.85  # of the deliveries to be had: what follows must end, too


@dataclass(frozen=True, slots=True)
class Scale:
    """How large a storm. `waits`: holds last a minute and are waited for, else nobody lets one
    end. `spread`: seconds in which the buyers come. `delivered`: fewest orders that will do."""

    orders: int
    codes: int
    kills: int
    delivered: int
    spread: float
    waits: bool = True


@dataclass(frozen=True, slots=True)
class Buyer:
    """One buyer. `arrives`: seconds after the start. `copies`, `delay`: of each callback;
    who `pays_unheard` has none sent at all. `asks`: who pays so says so, else waits to be found.
    `cancels_after`: who paid a wrong amount cancels, else lets the hold end."""

    number: int
    manner: Manner
    quantity: int
    arrives: float
    copies: int
    delay: float
    cancels_after: bool
    asks: bool
    seed: int

    @property
    def email(self) -> str:
        return f"buyer-{self.number}@storm.example"


@dataclass(frozen=True, slots=True)
class Kill:
    """One process of `kind` dies `pause` seconds after so many orders were delivered."""

    kind: Kind
    after: int
    pause: float


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole storm. Codes are what the merchant puts in stock."""

    buyers: list[Buyer]
    patient: frozenset[int]
    """Numbers of buyers who hold their goods and pay when the kills are over."""
    kills: list[Kill]
    codes: list[str]


def make_plan(scale: Scale, seed: int) -> Plan:
    """The same scale and seed make the same plan."""
    chance = random.Random(seed)
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    buyers = [_buyer(scale, chance, number) for number in range(scale.orders)]
    early = sorted(buyers, key=lambda buyer: (buyer.manner != "pays", buyer.arrives))
    return Plan(
        buyers=buyers,
        patient=frozenset() if scale.waits else frozenset(b.number for b in early[:2]),
        kills=_kills(scale, chance),
        codes=[
            f"{number:05d}-{''.join(chance.choices(letters, k=16))}"
            for number in range(scale.codes)
        ],
    )


def _buyer(scale: Scale, chance: random.Random, number: int) -> Buyer:
    [manner] = chance.choices(list(_OF_A_HUNDRED), list(_OF_A_HUNDRED.values()))
    late = chance.uniform(61, 75) if manner == "told_late" else chance.choice((0, 0, 0.5, 3))
    if not scale.waits:
        manner = _WITHOUT_EXPIRY.get(manner, manner)
        late = min(late, 3)
    return Buyer(
        number=number,
        manner=manner,
        quantity=2 if chance.random() < _TWO_AT_ONCE else 1,
        arrives=chance.uniform(0, scale.spread),
        copies=0 if manner == "pays_unheard" else chance.randint(2, 4),
        delay=late,
        cancels_after=chance.random() < 0.5 or not scale.waits,
        asks=chance.random() < 0.5,
        seed=chance.getrandbits(32),
    )


def _kills(scale: Scale, chance: random.Random) -> list[Kill]:
    """Every kind dies, some more often; the moments are drawn over the deliveries to come."""
    kinds = [KINDS[number % len(KINDS)] for number in range(min(scale.kills, 2 * len(KINDS)))]
    kinds += chance.choices(KINDS, k=scale.kills - len(kinds))
    chance.shuffle(kinds)
    last = max(1, int(min(scale.codes, scale.delivered) * _LAST_KILL))
    moments = sorted(chance.randint(1, last) for _ in kinds)
    return [
        Kill(kind, after, chance.uniform(0.2, 1.5))
        for kind, after in zip(kinds, moments, strict=True)
    ]
