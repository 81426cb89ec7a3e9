"""The table, and the same as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a figure of ours, the floor's, and what the ratio should be."""

    work: str
    ours: float | None
    unit: str
    target: str
    floor: float | None = None
    floor_name: str = ""
    bad: int = 0
    """Wrong or missing answers, which make the figure worthless."""

    @property
    def ratio(self) -> float | None:
        return self.ours / self.floor if self.ours is not None and self.floor else None


def as_json(rows: Sequence[Row], details: Mapping[str, Any]) -> dict[str, Any]:
    """Rows with their ratios, then everything else that was found."""
    return {"rows": [asdict(row) | {"ratio": row.ratio} for row in rows], **details}


def show(rows: Sequence[Row], console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("work")
    for name in ("ours", "floor", "ratio"):
        table.add_column(name, justify="right")
    table.add_column("target")
    table.add_column("the floor is")
    for row in rows:
        spoiled = f"  ({row.bad} bad answers)" if row.bad else ""
        table.add_row(
            row.work + spoiled, _amount(row.ours, row.unit), _amount(row.floor, row.unit),
            "" if row.ratio is None else f"{row.ratio:.3f}", row.target, row.floor_name,
        )  # fmt: skip
    console.print(table, soft_wrap=True)


def show_cpu(spent: Mapping[str, Mapping[str, float]], console: Console) -> None:
    """Microseconds of CPU a request or an order, by process."""
    names = list(dict.fromkeys(name for one in spent.values() for name in one))
    table = Table(box=None, pad_edge=False)
    table.add_column("CPU µs each")
    for name in names:
        table.add_column(name, justify="right")
    for work, one in spent.items():
        table.add_row(work, *(f"{one[name]:,.0f}" if name in one else "" for name in names))
    console.print(table, soft_wrap=True)


def _amount(figure: float | None, unit: str) -> str:
    if figure is None:
        return ""
    return f"{figure:,.0f} {unit}" if figure >= 100 else f"{figure:,.1f} {unit}"
