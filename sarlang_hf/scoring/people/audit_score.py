"""What people said about a sample of verdicts: agreement, confusion, and the accuracy of the run corrected for wrong verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.errors import PredictionsError
from sarlang_hf.scoring.people.agreement import Agreement, cohen_kappa
from sarlang_hf.scoring.people.audited import Audited, Labels
from sarlang_hf.scoring.people.correction import Corrected, corrected_accuracy
from sarlang_hf.scoring.people.rater_files import RaterFile
from sarlang_hf.scoring.people.second_judge import Flips
from sarlang_hf.scoring.verdicts import Verdict

Scope = Literal["all", "judge", "rules"]
VERDICTS = "verdicts"
CONSENSUS = "consensus"
OPEN_READINGS = {f"{CONSENSUS}, open wrong": False, f"{CONSENSUS}, open right": True}
"""What the answers are taken for that the readers have no majority on, in the two readings that stand for the consensus then."""

SECOND = "second judge"
MOST_OF_THE_SHEET = 0.9
"""The share of the sheet that a reader must have labelled to be compared with others and to stand for the run alone."""

_WORDS = {"right": True, "1": True, "wrong": False, "0": False}


@dataclass(frozen=True, slots=True)
class Allocation:
    """A stratum: verdicts of the run in it, and how many of them were sampled."""

    rule: str
    type: str
    verdict: bool
    population: int
    sample: int


@dataclass(frozen=True, slots=True)
class Kappa:
    """Cohen's kappa of two readers over all verdicts, those of judge models or those of rules; weighted to the whole run.

    The consensus is a reader of all answers: where it leaves some open there are two, with these wrong and with these right.
    """

    first: str
    second: str
    scope: Scope
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class Confusion:
    """What the consensus says against what the verdicts say: answers of the sample, and what share of the run they stand for.

    `reading` names the consensus: where it leaves answers open there are two, with these wrong and with these right.
    """

    reading: str
    people: bool
    verdict: bool
    n: int
    share: float


@dataclass(frozen=True, slots=True)
class Reference:
    """The accuracy of the run with one reading of its sample as the truth.

    Attributes:
        name: whose reading.
        corrected: over the answers that are decided.
        whole: lowest and highest accuracy over all answers, whatever the undecided ones are; None without a corrected one.
    """

    name: str
    corrected: Corrected
    whole: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class AuditScore:
    """Everything about an audit. `n_open` counts the answers that the readers have no majority on, or left open."""

    signature: str
    n_decided: int
    n_undecided: int
    n_open: int
    strata: tuple[Allocation, ...]
    kappas: tuple[Kappa, ...]
    confusion: tuple[Confusion, ...]
    references: tuple[Reference, ...]
    second: Flips | None = None


def read_labels(file: RaterFile) -> dict[str, bool]:
    """The labels of a rater: right or 1, wrong or 0.

    Raises:
        PredictionsError: another word.
    """
    for question_id, word in file.answers.items():
        if word.casefold() not in _WORDS:
            place = f"{file.path}, question {question_id}"
            raise PredictionsError(
                f"label is {word!r:.80}", place=place, remedy="write right, wrong, or nothing to leave it open"
            )
    return {question_id: _WORDS[word.casefold()] for question_id, word in file.answers.items()}


def score_audit(
    audited: Audited, raters: Mapping[str, Labels], *, second: Mapping[str, Verdict] | None = None, flips: Flips | None = None
) -> AuditScore:
    """Scores an audit.

    Args:
        audited: the sheet and its run.
        raters: labels by rater, of two or more.
        second: another judge's verdicts on the same predictions, by question id.
        flips: how these differ from the audited ones.

    Raises:
        PredictionsError: a rater bears a name that the tables need.
    """
    for name in (CONSENSUS, *OPEN_READINGS, VERDICTS, SECOND):
        if name in raters:
            raise PredictionsError(f"a rater is called {name!r}", place=f"labels of {name}", remedy="give the rater another name")
    question_ids = audited.sheet.question_ids
    consensus = _consensus(list(raters.values()), question_ids)
    verdict_of = {verdict.answer.question_id: verdict.verdict is True for verdict in audited.sampled}
    alone = {name: labels for name, labels in raters.items() if _stands_alone(audited, labels)}
    readings = _readings(consensus, question_ids)
    readers: dict[str, Labels] = {**alone, **readings, VERDICTS: verdict_of}
    if second is not None:
        found = {question_id: second[question_id].verdict for question_id in question_ids}
        readers[SECOND] = {question_id: verdict for question_id, verdict in found.items() if verdict is not None}
    return AuditScore(
        signature=_signature(audited),
        n_decided=audited.n_decided,
        n_undecided=audited.n_undecided,
        n_open=len(question_ids) - len(consensus),
        strata=allocation(audited),
        kappas=tuple(_kappas(audited, readers, list(alone), list(readings))),
        confusion=tuple(cell for name, reading in readings.items() for cell in _confusion(audited, name, reading)),
        references=tuple(_reference(audited, name, labels) for name, labels in (alone | readings).items()),
        second=flips,
    )


def allocation(audited: Audited) -> tuple[Allocation, ...]:
    """What each stratum holds and gave."""
    return tuple(
        Allocation(stratum.rule, stratum.type, stratum.verdict, int(population), int(drawn))
        for stratum, population, drawn in zip(audited.strata, audited.sample.sizes, audited.sample.counts, strict=True)
    )


def _signature(audited: Audited) -> str:
    sheet = audited.sheet
    parts = {
        "protocol": audited.sampled[0].protocol,
        "judge": "+".join(sorted({verdict.judge for verdict in audited.sampled} - {""})) or "off",
        "unit": "verdict",
        "cluster": "image",
        "verdicts": str(sheet.about.get("verdicts"))[:12],
        "sheet": f"{sheet.digest},seed{sheet.seed}",
        "n": f"{len(audited.sampled)}/{audited.n_decided}",
    }
    return "|".join([f"audit:{sheet.task}", *(f"{name}={value}" for name, value in parts.items())])


def _stands_alone(audited: Audited, labels: Labels) -> bool:
    """Whether a reading says something about the run by itself.

    One of a few answers, say those that two others disagree on, is no random sample: it counts in the consensus only.
    """
    given, _ = audited.labels(labels)
    kinds = {kind for kind in (True, False) if (audited.said == kind).any()}
    return float(given.mean()) >= MOST_OF_THE_SHEET and set(audited.said[given].tolist()) == kinds


def _kappas(audited: Audited, readers: Mapping[str, Labels], alone: Sequence[str], readings: Sequence[str]) -> Iterator[Kappa]:
    """Between raters; of each rater and the consensus with the verdicts; of a second judge with consensus and verdicts."""
    pairs = [*combinations(alone, 2), *((name, VERDICTS) for name in (*alone, *readings))]
    pairs += [(name, SECOND) for name in (*readings, VERDICTS) if SECOND in readers]
    judged = audited.judged
    scopes: dict[Scope, NDArray[np.bool_]] = {"all": np.ones(len(judged), bool)}
    if judged.any() and not judged.all():
        scopes |= {"judge": judged, "rules": ~judged}
    for first, second in pairs:
        (given, one), (also_given, other) = audited.labels(readers[first]), audited.labels(readers[second])
        for scope, strata in scopes.items():
            rows = given & also_given & strata[audited.sample.strata]
            if rows.any():
                yield Kappa(first, second, scope, cohen_kappa(one[rows], other[rows], audited.within(rows, strata)))


def _readings(consensus: Labels, question_ids: Sequence[str]) -> dict[str, Labels]:
    """The consensus by name; where it leaves answers open, with these wrong and with these right."""
    left_open = [question_id for question_id in question_ids if question_id not in consensus]
    if not left_open:
        return {CONSENSUS: consensus}
    return {name: {**consensus, **dict.fromkeys(left_open, truth)} for name, truth in OPEN_READINGS.items()}


def _confusion(audited: Audited, name: str, reading: Labels) -> Iterator[Confusion]:
    _, right = audited.labels(reading)
    for people in (True, False):
        for verdict in (True, False):
            members = (right == people) & (audited.said == verdict)
            yield Confusion(name, people, verdict, int(members.sum()), float(audited.sample.weights[members].sum()))


def _reference(audited: Audited, name: str, labels: Labels) -> Reference:
    given, right = audited.labels(labels)
    corrected = corrected_accuracy(right[given], audited.sample.at(given), audited.population)
    if corrected.accuracy is None:
        return Reference(name, corrected, None)
    decided = audited.n_decided / (audited.n_decided + audited.n_undecided)
    return Reference(name, corrected, (corrected.accuracy * decided, corrected.accuracy * decided + 1 - decided))


def _consensus(readings: Sequence[Labels], question_ids: Sequence[str]) -> dict[str, bool]:
    """What most readers of an answer say; answers with a tie, or read by nobody, are left out."""
    consensus = {}
    for question_id in question_ids:
        votes = [labels[question_id] for labels in readings if question_id in labels]
        if 2 * sum(votes) != len(votes):
            consensus[question_id] = 2 * sum(votes) > len(votes)
    return consensus
