"""An import's file as steps: so many lines at a time, repeats and bad lines told.

Runs in a thread. A step is all that is held of a file, however long it is.
What is done to each of a million codes is done column by column, to lists: a third of the time.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from keystall.platform.money import exponent
from keystall.tenants.stock.card_files import CodeFacts, CodeRun, LineProblem
from keystall.tenants.stock.rejects import Reject
from keystall.tenants.stock.sealing import ShopCipher
from keystall.tenants.stock.seen_codes import SeenCodes


@dataclass(slots=True)
class RowFacts:
    """`CodeFacts` as the row has them, amounts in minor units."""

    note: str
    preview: str
    premium: int | None
    cost: int | None
    expires_at: datetime | None


@dataclass(slots=True, repr=False)
class NewCodes:
    """Codes to be added, column by column, in the order of the file. `texts` are plain, as UTF-8;
    `facts` of those of the `lines` that told any."""

    lines: list[int] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    lookups: list[bytes] = field(default_factory=list)
    facts: dict[int, RowFacts] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.lines)

    def without(self, lines: Collection[int]) -> "NewCodes":
        """Those of other lines."""
        stays = [at for at, line in enumerate(self.lines) if line not in lines]
        return NewCodes(
            [self.lines[at] for at in stays],
            [self.texts[at] for at in stays],
            [self.lookups[at] for at in stays],
            self.facts,
        )

    def split(self, at: int) -> tuple["NewCodes", "NewCodes"]:
        """The first `at`, and the rest."""
        first, rest = slice(at), slice(at, None)
        return (
            NewCodes(self.lines[first], self.texts[first], self.lookups[first], self.facts),
            NewCodes(self.lines[rest], self.texts[rest], self.lookups[rest], self.facts),
        )


@dataclass(slots=True)
class Step:
    """The lines after the last step's up to `upto`, their lookups by the data key of `version`."""

    version: int
    upto: int = 0
    codes: NewCodes = field(default_factory=NewCodes)
    rejects: list[Reject] = field(default_factory=list)
    repeats: int = 0
    bad: int = 0

    @property
    def cards(self) -> int:
        """How many lines it has that are not blank."""
        return len(self.codes) + self.repeats + self.bad


@dataclass(frozen=True, slots=True)
class Stepping:
    """How a file is cut up: `size` lines a step, those up to `done` passed over."""

    variant: UUID
    cipher: ShopCipher
    currency: str
    size: int
    done: int = 0
    lookup: Callable[[bytes], bytes] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lookup", self.cipher.for_import(self.variant).lookup)

    def steps(self, runs: Iterable[CodeRun], lines: int) -> Iterator[Step]:
        """The steps; the last one reaches to the end of the file's `lines`."""
        seen, step = SeenCodes(lines), Step(self.cipher.version)
        for run in runs:
            rest = run
            while rest:
                part, rest = rest.split(self.size - step.cards)
                self._add(part, seen, step)
                if step.cards >= self.size:
                    step.upto = part.last
                    yield step
                    step = Step(self.cipher.version)
        step.upto = lines
        yield step

    def _add(self, run: CodeRun, seen: SeenCodes, step: Step) -> None:
        if self.done:
            # A line may repeat one that was done before.
            before, run = run.split_after(self.done)
            seen.firsts(self._lookups(before), before.lines)
        for bad in run.bad:
            self._reject(step, Reject(bad.line, bad.reason, 0, bad.text))
        lookups = self._lookups(run)
        firsts, codes = seen.firsts(lookups, run.lines), step.codes
        if firsts == run.lines and not run.facts:
            codes.lines += run.lines
            codes.texts += run.texts
            codes.lookups += lookups
            return
        for line, text, lookup, first in zip(run.lines, run.texts, lookups, firsts, strict=True):
            if first != line:
                step.repeats += 1
                step.rejects.append(Reject(line, "IN_FILE", first, text.decode()))
                continue
            if facts := run.facts.get(line):
                try:
                    codes.facts[line] = self._facts(facts)
                except _TooPrecise:
                    reason = LineProblem.AMOUNT_INVALID
                    self._reject(step, Reject(line, reason, 0, text.decode()))
                    continue
            codes.lines.append(line)
            codes.texts.append(text)
            codes.lookups.append(lookup)

    def _lookups(self, run: CodeRun) -> list[bytes]:
        return list(map(self.lookup, run.texts))

    def _reject(self, step: Step, bad: Reject) -> None:
        step.bad += 1
        step.rejects.append(bad)

    def _facts(self, facts: CodeFacts) -> RowFacts:
        return RowFacts(
            facts.note, facts.preview, self._minor(facts.premium), self._minor(facts.cost),
            facts.expires_at,
        )  # fmt: skip

    def _minor(self, amount: Decimal | None) -> int | None:
        if amount is None:
            return None
        minor = amount.scaleb(exponent(self.currency))
        if minor != minor.to_integral_value():
            raise _TooPrecise
        return int(minor)


def looked_up_anew(step: Step, variant: UUID, cipher: ShopCipher) -> Step:
    """The same step under the newest key, where keys rotated since it was made."""
    lookups = list(map(cipher.for_import(variant).lookup, step.codes.texts))
    return replace(step, version=cipher.version, codes=replace(step.codes, lookups=lookups))


class _TooPrecise(Exception):
    """An amount with more decimals than its currency has."""
