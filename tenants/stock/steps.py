"""An import's file as steps: so many lines at a time, codes sealed, repeats and bad lines told.

Runs in a thread, ahead of the database. A step is all that is held of a file, however long it is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from keystall.platform.ids import new_row_id
from keystall.platform.money import exponent
from keystall.tenants.stock.card_files import BadLine, CodeFacts, LineProblem, ParsedCode
from keystall.tenants.stock.rejects import Reject
from keystall.tenants.stock.sealing import ImportSealer, ShopCipher
from keystall.tenants.stock.seen_codes import SeenCodes


@dataclass(slots=True)
class SealedCode:
    """A code ready for its row. Nothing of it is sealed in a dry run."""

    line: int
    id: UUID
    sealed: bytes
    lookup: bytes
    text: str = field(repr=False)
    facts: "RowFacts | None" = None


@dataclass(slots=True)
class RowFacts:
    """`CodeFacts` as the row has them, amounts in minor units."""

    note: str
    preview: str
    premium: int | None
    cost: int | None
    expires_at: datetime | None


@dataclass(slots=True)
class Step:
    """The lines after the last step's up to `upto`; codes sorted by their lookup hash, sealed with
    the data key of `version`."""

    version: int
    upto: int = 0
    codes: list[SealedCode] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    repeats: int = 0
    bad: int = 0


@dataclass(frozen=True, slots=True)
class Stepping:
    """How a file is cut up: `size` lines a step, those up to `done` passed over."""

    variant: UUID
    cipher: ShopCipher
    currency: str
    size: int
    done: int = 0
    dry_run: bool = False
    sealer: ImportSealer = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sealer", self.cipher.for_import(self.variant))

    def steps(self, cards: Iterable[ParsedCode | BadLine], lines: int) -> Iterator[Step]:
        """The steps; the last one reaches to the end of the file's `lines`."""
        seen, step, taken = SeenCodes(lines), Step(self.cipher.version), 0
        first_line, lookup_of, done = seen.first, self.sealer.lookup, self.done
        for card in cards:
            if isinstance(card, BadLine):
                if card.line <= done:
                    continue
                step.bad += 1
                step.rejects.append(Reject(card.line, card.reason, 0, card.text))
            else:
                lookup = lookup_of(card.text.encode())
                # Of what was done before, too: a line may repeat it.
                first = first_line(lookup, card.line)
                if card.line <= done:
                    continue
                if first == card.line:
                    self._add(card, lookup, step)
                else:
                    step.repeats += 1
                    step.rejects.append(Reject(card.line, "IN_FILE", first, card.text))
            taken += 1
            if taken == self.size:
                step.upto = card.line
                yield self._finished(step)
                step, taken = Step(self.cipher.version), 0
        step.upto = lines
        yield self._finished(step)

    def _add(self, card: ParsedCode, lookup: bytes, step: Step) -> None:
        try:
            facts = None if card.facts is None else self._facts(card.facts)
        except _TooPrecise:
            step.bad += 1
            step.rejects.append(Reject(card.line, LineProblem.AMOUNT_INVALID, 0, card.text))
            return
        step.codes.append(SealedCode(card.line, new_row_id(), b"", lookup, card.text, facts))

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

    def _finished(self, step: Step) -> Step:
        if not self.dry_run:
            places = [(code.id, code.text.encode()) for code in step.codes]
            for code, sealed in zip(step.codes, self.sealer.seal_all(places), strict=True):
                code.sealed = sealed
        # Neighbours in the index that finds them are written together.
        step.codes.sort(key=_lookup)
        return step


def sealed_anew(step: Step, variant: UUID, cipher: ShopCipher) -> Step:
    """The same step under the newest key, where keys rotated since it was made."""
    codes = [
        replace(
            code,
            sealed=cipher.seal_code(variant, code.id, code.text),
            lookup=cipher.lookup(variant, code.text),
        )
        for code in step.codes
    ]
    return replace(step, version=cipher.version, codes=sorted(codes, key=_lookup))


class _TooPrecise(Exception):
    """An amount with more decimals than its currency has."""


def _lookup(code: SealedCode) -> bytes:
    return code.lookup
