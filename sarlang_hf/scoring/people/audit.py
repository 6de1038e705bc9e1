"""The sheet of an audit: a stratified sample of verdicts, for two or more people to judge the same answers unseen.

Strata are rule x type x verdict. Half of the sample goes to what a judge model decided, as far as there is that much, because
that is where verdicts err; each stratum gives two answers or all it has, and what is left is shared out in proportion. Where
there are more strata than a quarter of the sample, the small ones are put together by verdict and by who decided. The sizes of
the strata are kept, so that estimates refer to the whole run.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sarlang_hf.errors import UsageError
from sarlang_hf.files import write_atomically
from sarlang_hf.scoring.people.page import Item, Wording, sheet_page
from sarlang_hf.scoring.people.rater_files import empty_table
from sarlang_hf.scoring.people.sampling import allocate
from sarlang_hf.scoring.people.sheet import PAGE_FILE, Sheet, claim_folder, write_new
from sarlang_hf.scoring.verdicts import Verdict, read_verdicts, write_verdicts

AUDITED_FILE = "audited.parquet"
COLUMN = "label"
JUDGE_RULE = "judge"
"""The rule that stands at the verdicts of a judge model."""

MERGED_RULE = "(others)"
MIN_VERDICTS = 20


@dataclass(frozen=True, slots=True, order=True)
class Stratum:
    """Verdicts of one kind: their rule, question type ('' if several are put together) and verdict."""

    rule: str
    type: str
    verdict: bool

    @property
    def judged(self) -> bool:
        """Whether a judge model decided."""
        return self.rule == JUDGE_RULE


@dataclass(frozen=True, slots=True)
class Drawn:
    """A stratified sample of verdicts.

    Attributes:
        rows: the sampled verdicts by number, in the order of the sheet.
        stratum_of: the stratum of each of them, by number.
        strata: the strata, in order.
        population: verdicts of the run in each stratum.
    """

    rows: tuple[int, ...]
    stratum_of: tuple[int, ...]
    strata: tuple[Stratum, ...]
    population: tuple[int, ...]


def strata_of(verdicts: Sequence[Verdict], total: int) -> list[Stratum | None]:
    """The stratum of each verdict, few enough for a sample of `total` verdicts; None for an undecided answer."""
    limit = max(4, total // 4)
    fine = [_stratum(verdict) for verdict in verdicts]
    sizes = Counter(stratum for stratum in fine if stratum is not None)
    if len(sizes) <= limit:
        return list(fine)
    ranked = sorted(sizes, key=lambda stratum: (-sizes[stratum], stratum))
    kept = set(ranked[: limit - 4])  # up to four more come from putting the others together
    return [stratum if stratum is None or stratum in kept else _merged(stratum) for stratum in fine]


def draw_verdicts(verdicts: Sequence[Verdict], total: int, rng: np.random.Generator) -> Drawn:
    """Draws verdicts as the module says, in random order.

    Args:
        verdicts: those of a run.
        total: how many; all that are decided if that is less.
        rng: source of the draws.

    Raises:
        ValueError: none is decided, or `total` is less than `MIN_VERDICTS`.
    """
    if total < MIN_VERDICTS:
        raise ValueError(f"{total} verdicts are too few to stratify")
    total = min(total, sum(verdict.verdict is not None for verdict in verdicts))
    stratum_of = strata_of(verdicts, total)
    rows_of: dict[Stratum, list[int]] = {}
    for row, stratum in enumerate(stratum_of):
        if stratum is not None:
            rows_of.setdefault(stratum, []).append(row)
    if not rows_of:
        raise ValueError("no verdict is decided")
    strata = sorted(rows_of)
    shares = _shares({stratum: len(rows_of[stratum]) for stratum in strata}, total)
    drawn = [(row, code) for code, name in enumerate(strata) for row in rng.permutation(rows_of[name])[: shares[name]].tolist()]
    order = rng.permutation(len(drawn)).tolist()
    rows, codes = zip(*(drawn[index] for index in order), strict=True)
    return Drawn(rows, codes, tuple(strata), tuple(len(rows_of[stratum]) for stratum in strata))


def write_audit_sheet(out: Path, verdicts: Sequence[Verdict], *, total: int = 400, raters: int = 2, seed: int = 0) -> Sheet:
    """Draws verdicts of one task of a run and writes the sheet that people judge them on.

    The page and the tables show question, reference and prediction, in random order and without verdict or rule.

    Args:
        out: a new folder, or that of the same sheet.
        verdicts: those of the task.
        total: how many to draw, at least `MIN_VERDICTS`.
        raters: how many empty tables are written beside the page.
        seed: of the draw.

    Raises:
        UsageError: `out` holds another sheet or anything else, or no verdict is decided.
        OutputError: it cannot be written.
    """
    if all(verdict.verdict is None for verdict in verdicts):
        raise UsageError("has no decided verdicts", place=verdicts[0].task, remedy="name a run whose answers were judged")
    drawn = draw_verdicts(verdicts, total, np.random.default_rng(seed))
    sampled = [verdicts[row] for row in drawn.rows]
    sheet = Sheet(
        sheet="audit",
        task=verdicts[0].task,
        seed=seed,
        question_ids=tuple(verdict.answer.question_id for verdict in sampled),
        about=_about(verdicts, drawn),
    )
    claim_folder(out, sheet)
    if not (out / AUDITED_FILE).exists():
        write_verdicts(out / AUDITED_FILE, verdicts)
    for rater in range(1, raters + 1):
        write_new(out / f"answers-{rater}.csv", _table(sampled))
    items = [Item(None, _texts(verdict)) for verdict in sampled]
    write_atomically(out / PAGE_FILE, sheet_page(sheet, items, _wording(len(items))).encode("utf-8", "replace"))
    return sheet


def read_audited(out: Path, sheet: Sheet) -> list[Verdict]:
    """The verdicts that a sheet was drawn from.

    Raises:
        UsageError: the file is missing, or not the sheet's.
    """
    verdicts = read_verdicts(out / AUDITED_FILE)
    if _digest(verdicts) != sheet.about.get("verdicts"):
        problem = "does not hold the verdicts that the sheet was drawn from"
        raise UsageError(problem, place=out / AUDITED_FILE, remedy="put the file back that `sarlang audit sheet` wrote")
    return verdicts


def _stratum(verdict: Verdict) -> Stratum | None:
    return None if verdict.verdict is None else Stratum(verdict.rule, verdict.answer.type, verdict.verdict)


def _merged(stratum: Stratum) -> Stratum:
    return Stratum(JUDGE_RULE if stratum.judged else MERGED_RULE, "", stratum.verdict)


def _shares(sizes: dict[Stratum, int], total: int) -> dict[Stratum, int]:
    """Sampled verdicts of each stratum: half to the judge's, the rest to the rules', each part as far as it reaches."""
    judged, ruled = ({stratum: size for stratum, size in sizes.items() if stratum.judged is part} for part in (True, False))
    for_judged = min(sum(judged.values()), max(total // 2, total - sum(ruled.values())))
    return {
        stratum: share
        for part, part_total in ((judged, for_judged), (ruled, total - for_judged))
        for stratum, share in zip(part, allocate(list(part.values()), part_total, at_least=2), strict=True)
    }


def _about(verdicts: Sequence[Verdict], drawn: Drawn) -> dict[str, Any]:
    counts = Counter(drawn.stratum_of)
    strata = [
        {**asdict(stratum), "population": size, "sample": counts[code]}
        for code, (stratum, size) in enumerate(zip(drawn.strata, drawn.population, strict=True))
    ]
    judges = sorted({verdict.judge for verdict in verdicts} - {""})
    about = {"protocol": verdicts[0].protocol, "judges": judges, "verdicts": _digest(verdicts)}
    return {**about, "strata": strata, "stratum_of": list(drawn.stratum_of)}


def _digest(verdicts: Sequence[Verdict]) -> str:
    """Names what was audited: every question, answer, rule and verdict."""
    digest = hashlib.sha256()
    for verdict in verdicts:
        row = (verdict.answer.question_id, verdict.answer.prediction, verdict.rule, verdict.verdict)
        digest.update(repr(row).encode("utf-8", "replace"))
    return digest.hexdigest()


def _texts(verdict: Verdict) -> list[tuple[str, str]]:
    answer = verdict.answer
    return [("Question", answer.question), ("Reference", answer.gold), ("Prediction", answer.prediction or "")]


def _table(sampled: Sequence[Verdict]) -> str:
    rows = [
        (item, verdict.answer.question_id, "", *(text for _, text in _texts(verdict))) for item, verdict in enumerate(sampled, 1)
    ]
    return empty_table(("item", "question_id", COLUMN, "question", "reference", "prediction"), rows)


def _wording(number: int) -> Wording:
    return Wording(
        title=f"Judging {number} answers about radar images",
        introduction=[
            "Each item shows a question about a radar image, the reference answer, and what a model predicted. Say whether "
            "the prediction gives the same answer as the reference. Meaning counts, not wording; take the reference for right.",
            "A prediction is the model's text, whatever it says: it may contain anything, even instructions. Only judge it.",
            "Work alone: the sheet measures how far readers agree. Leave open what you really cannot tell.",
            "Answers stay on this device until you save them as a file, with the button below. Keys: 1 for right, 0 for wrong, "
            "Enter for the next item.",
        ],
        prompt="Does the prediction say the same as the reference?",
        column=COLUMN,
        choices=(("right", "Yes: right"), ("wrong", "No: wrong"), ("", "Open")),
    )
