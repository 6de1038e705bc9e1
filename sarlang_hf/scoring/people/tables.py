"""What people found, as tables on a terminal. Accuracies in percent."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from sarlang_hf.scoring.people.agreement import Agreement
from sarlang_hf.scoring.people.audit_score import Allocation, AuditScore, Reference
from sarlang_hf.scoring.people.correction import Share
from sarlang_hf.scoring.people.human_score import HumanScore, MeanScore, RaterScore
from sarlang_hf.scoring.people.length import LengthEffect
from sarlang_hf.scoring.people.second_judge import Flips
from sarlang_hf.scoring.uncertainty import Interval

_NONE = "none"


def human_tables(score: HumanScore) -> list[Table]:
    """Raters, groups and model; differences to the model; agreement between raters."""
    raters = _table("accuracy in percent, 95% interval", "who", "n", "missing", "unjudged", "accuracy", "interval")
    for rater in (*score.raters, *([score.model] if score.model else [])):
        counts = map(str, (rater.n, rater.n_missing, rater.n_unjudged))
        _row(raters, rater.name, *counts, _percent(rater), _bounds(rater.interval))
    raters.add_section()
    for group in score.groups:
        size = f"{group.raters} x {group.questions}"
        _row(raters, f"mean of {group.name}", size, "", "", _percent(group), _bounds(group.interval))
    tables = [raters]
    if score.differences:
        differences = _table("people minus model, points, 95% interval", "group", "raters x questions", "difference", "interval")
        for group in score.differences:
            size = f"{group.raters} x {group.questions}"
            _row(differences, group.name, size, _percent(group), _bounds(group.interval))
        tables.append(differences)
    if score.pairs:
        pairs = _table("agreement between raters", "raters", "same words", "n", "both right or wrong", "kappa", "interval")
        for pair in score.pairs:
            cells = ("0", _NONE, _NONE, _NONE) if pair.right is None else _agreement(pair.right)
            _row(pairs, f"{pair.first}, {pair.second}", f"{100 * pair.same_words:.1f}", *cells)
        tables.append(pairs)
    return tables


def audit_tables(score: AuditScore) -> list[Table]:
    """Agreement, confusion and corrected accuracy; a second judge."""
    kappas = _table("agreement, weighted to the run, 95% interval", "readers", "scope", "n", "agree", "kappa", "interval")
    for kappa in score.kappas:
        _row(kappas, f"{kappa.first} / {kappa.second}", kappa.scope, *_agreement(kappa.agreement))
    confusion = _table("people against verdicts", "reading", "people say", "verdict", "n", "% of the run")
    for cell in score.confusion:
        words = ("right" if cell.people else "wrong", "right" if cell.verdict else "wrong")
        _row(confusion, cell.reading, *words, str(cell.n), f"{100 * cell.share:.1f}")
    flips = [] if score.second is None else [_flip_table(score.second)]
    return [kappas, confusion, *_corrected_tables(score.references), *flips]


def allocation_table(strata: Sequence[Allocation]) -> Table:
    """How many verdicts of each stratum were drawn."""
    table = _table("strata", "rule", "type", "verdict", "in the run", "sampled")
    for stratum in strata:
        verdict = "right" if stratum.verdict else "wrong"
        _row(table, stratum.rule, stratum.type or "(all)", verdict, f"{stratum.population:,}", str(stratum.sample))
    return table


def audit_notes(score: AuditScore) -> list[str]:
    """What the tables of an audit leave unsaid."""
    notes = []
    if score.n_open:
        problem = f"The readers have no majority on {score.n_open} answers"
        notes.append(f"{problem}: the consensus stands with these wrong, and with these right. Another reader can settle them.")
    if score.n_undecided:
        notes.append(f"{score.n_undecided:,} answers are undecided and outside of the audit.{_span(score)}")
    if any(_chance(reference.corrected.sensitivity, reference.corrected.specificity) for reference in score.references):
        notes.append("Where sensitivity + specificity <= 1 the verdicts are no better than chance: they cannot be corrected.")
    return notes


def _span(score: AuditScore) -> str:
    whole = [reference.whole for reference in score.references if reference.whole is not None]
    if not whole:
        return ""
    span = f"{100 * min(low for low, _ in whole):.1f} and {100 * max(high for _, high in whole):.1f}"
    return f" Over all answers, these wrong or right, the corrected accuracies lie between {span}, before their intervals."


def _corrected_tables(references: Sequence[Reference]) -> list[Table]:
    errors = _table("verdicts, percent, 95% interval", "truth", "n", "wrong verdicts", "sensitivity", "specificity")
    accuracy = _table("accuracy corrected for wrong verdicts, percent", "truth", "by verdicts", "corrected", "95% interval")
    for reference in references:
        found = reference.corrected
        shares = (_share(found.sensitivity), _share(found.specificity))
        _row(errors, reference.name, str(found.n), str(found.errors), *shares)
        value = _NONE if found.accuracy is None else f"{100 * found.accuracy:.1f}"
        bounds = None if found.low is None or found.high is None else (found.low, found.high)
        _row(accuracy, reference.name, f"{100 * found.apparent:.1f}", value, _bounds(bounds))
    return [errors, accuracy]


def _flip_table(flips: Flips) -> Table:
    table = _table("a second judge on the same predictions", "what", "n", "value", "interval")
    for name, rate in (("flipped verdicts, %", flips.all), ("flipped where a judge decided, %", flips.judged)):
        if rate is not None:
            _row(table, name, str(rate.n), f"{100 * rate.mean:.1f}", _bounds(_clipped(rate)))
    _row(table, "turned to right", str(flips.to_right), "", "")
    _row(table, "turned to wrong", str(flips.to_wrong), "", "")
    effects = {
        "flipped answers longer": flips.by_length,
        "turned to right longer": flips.direction,
        "right by first longer": flips.first_right,
        "right by second longer": flips.second_right,
    }
    for name, effect in effects.items():
        _row(table, f"P({name})", f"{effect.n_marked}, {effect.n_unmarked}", *_effect(effect))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index else "left", no_wrap=index > 0)
    table.padding = (0, 1, 0, 0)  # fits 80 columns
    return table


def _row(table: Table, *cells: str) -> None:
    table.add_row(*map(Text, cells))  # names of raters are no markup


def _percent(score: RaterScore | MeanScore) -> str:
    return f"{100 * score.low:.1f} to {100 * score.high:.1f}" if score.value is None else f"{100 * score.value:.1f}"


def _bounds(bounds: tuple[float, float] | None) -> str:
    return _NONE if bounds is None else f"[{100 * bounds[0]:.1f}, {100 * bounds[1]:.1f}]"


def _share(share: Share | None) -> str:
    return _NONE if share is None else f"{100 * share.value:.1f} {_bounds((share.low, share.high))}"


def _agreement(found: Agreement) -> tuple[str, str, str, str]:
    kappa = _NONE if found.kappa is None else f"{found.kappa:.2f}"
    interval = _NONE if found.low is None or found.high is None else f"[{found.low:.2f}, {found.high:.2f}]"
    return str(found.n), f"{100 * found.agreement:.1f}", kappa, interval


def _effect(effect: LengthEffect) -> tuple[str, str]:
    value = _NONE if effect.value is None else f"{effect.value:.2f}"
    return value, _NONE if effect.low is None or effect.high is None else f"[{effect.low:.2f}, {effect.high:.2f}]"


def _clipped(rate: Interval) -> tuple[float, float] | None:
    return None if rate.low is None or rate.high is None else (max(0.0, rate.low), min(1.0, rate.high))


def _chance(sensitivity: Share | None, specificity: Share | None) -> bool:
    return sensitivity is not None and specificity is not None and sensitivity.value + specificity.value <= 1
