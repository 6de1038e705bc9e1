"""One measured figure and its target, and how figures are printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """A value that must stay below or above its target."""

    name: str
    value: float
    relation: Literal["<=", ">="]
    target: float
    unit: str = ""
    detail: str = ""

    @property
    def met(self) -> bool:
        return self.value <= self.target if self.relation == "<=" else self.value >= self.target


def print_figures(figures: Sequence[Figure]) -> None:
    table = Table("figure", "measured", "target", "met", "detail")
    for figure in figures:
        value, target = f"{figure.value:.3g} {figure.unit}", f"{figure.relation} {figure.target:g} {figure.unit}"
        table.add_row(figure.name, value, target, "yes" if figure.met else "NO", figure.detail)
    Console(width=150).print(table)
