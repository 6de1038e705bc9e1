"""A sheet of an audit with the run that it was drawn from: what its answers stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.people.audit import AUDITED_FILE, Stratum, strata_of
from sarlang_hf.scoring.people.correction import Population
from sarlang_hf.scoring.people.sampling import Sample
from sarlang_hf.scoring.people.sheet import SHEET_FILE, Sheet
from sarlang_hf.scoring.verdicts import Verdict

Labels = Mapping[str, bool]
"""What a reader said, by question id: True for right; answers left open are absent."""


@dataclass(frozen=True, slots=True)
class Audited:
    """An audit without its readers.

    Attributes:
        sheet: what was asked.
        n_undecided: answers of the run without a verdict; they are outside of the audit.
        strata: the strata, in order.
        sampled: (n,) the verdicts on the sheet, in its order.
        sample: how they stand for the decided verdicts of the run.
        population: those.
    """

    sheet: Sheet
    n_undecided: int
    strata: tuple[Stratum, ...]
    sampled: tuple[Verdict, ...]
    sample: Sample
    population: Population

    @classmethod
    def of(cls, sheet: Sheet, verdicts: Sequence[Verdict]) -> Audited:
        """Joins the sheet to the verdicts of its run.

        Raises:
            UsageError: the record of the sheet does not fit them.
        """
        row_of = {verdict.answer.question_id: row for row, verdict in enumerate(verdicts)}
        stratum_of = strata_of(verdicts, len(sheet.question_ids))
        strata = tuple(sorted({stratum for stratum in stratum_of if stratum is not None}))
        code_of: dict[Stratum | None, int] = {stratum: code for code, stratum in enumerate(strata)}
        codes = np.array([code_of.get(stratum, -1) for stratum in stratum_of])
        rows = [row_of.get(question_id) for question_id in sheet.question_ids]
        sampled = [-1 if row is None else int(codes[row]) for row in rows]
        if sampled != sheet.about.get("stratum_of"):
            problem = "does not fit the verdicts that the sheet was drawn from"
            raise UsageError(problem, place=f"{SHEET_FILE} beside {AUDITED_FILE}", remedy="draw the sheet again")
        kinds, decided = np.array([stratum.verdict for stratum in strata]), codes >= 0
        images = np.unique([verdict.answer.image_id for verdict in verdicts], return_inverse=True)[1]
        return cls(
            sheet=sheet,
            n_undecided=int((~decided).sum()),
            strata=strata,
            sampled=tuple(verdicts[row] for row in rows if row is not None),
            sample=Sample(np.array(sampled), np.bincount(codes[decided]), kinds.astype(np.int64)),
            population=Population(codes[decided], images[decided], kinds),
        )

    @property
    def n_decided(self) -> int:
        """Verdicts of the run, of which the sheet is a sample."""
        return len(self.population.strata)

    @property
    def said(self) -> NDArray[np.bool_]:
        """(n,) the verdict on each answer of the sheet."""
        return self.population.verdicts[self.sample.strata]

    @property
    def judged(self) -> NDArray[np.bool_]:
        """(H,) the strata that a judge model decided."""
        return np.array([stratum.judged for stratum in self.strata])

    def labels(self, labels: Labels) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """(n,) which answers of the sheet a reader labelled, and which as right."""
        ids = self.sheet.question_ids
        return np.array([each in labels for each in ids]), np.array([labels.get(each, False) for each in ids])

    def within(self, rows: NDArray[np.bool_], strata: NDArray[np.bool_]) -> Sample:
        """Some answers of the sheet as a sample of some (H,) strata."""
        return Sample(self.sample.strata[rows], np.where(strata, self.sample.sizes, 0), self.sample.groups)
