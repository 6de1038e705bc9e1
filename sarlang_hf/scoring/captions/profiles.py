"""What the metrics are given: the two profiles, the checks of their input, and the signature that names them.

official   texts as they are, one reference a row: what the official script of SARLANG-1M scores. No tokenizer, case kept.
coco       the PTB tokenizer of the COCO toolkit (lower case, most punctuation gone), all references of an image. Java.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, get_args

from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.captions.ptb import tokenize

if TYPE_CHECKING:
    from sarlang_hf.texts.document_frequency import DocumentFrequency

Profile = Literal["official", "coco"]
"""How texts are prepared and which references belong together."""

PROFILES: tuple[Profile, ...] = get_args(Profile)

References = Sequence[str] | Sequence[Sequence[str]]

_TEXTS = {"official": "tok=none|case=mixed|refs=1|unit=row", "coco": "tok=ptb|case=lower|refs=all|unit=image"}


def signature(profile: Profile, table: DocumentFrequency | None) -> str:
    """What must be equal for two caption scores to be comparable: `cap:tok=none|case=mixed|...|df=items|v1`."""
    return f"cap:{_TEXTS[profile]}|cider=D,n4,s6,x100|df={table.digest if table else 'items'}|v1"


def prepare(predictions: Sequence[str], references: References, profile: Profile) -> tuple[list[str], list[list[str]]]:
    """The texts to be compared: a prediction and one or more references for each item.

    Raises:
        UsageError: an unknown profile, no items, lists of different lengths, something that is no text, an item without a
            reference, or (`official`) with several; for `coco` also what `ptb.tokenize` raises.
    """
    if profile not in PROFILES:
        raise UsageError(f"unknown profile {profile!r}", place="profile", remedy=f"use one of {', '.join(PROFILES)}")
    _check_lists(predictions, references)
    for row, prediction in enumerate(predictions):
        _check_text(prediction, f"predictions[{row}]")
    if profile == "official":
        for row, reference in enumerate(references):
            _check_single(reference, f"references[{row}]")
        return list(predictions), [[str(reference)] for reference in references]
    grouped = [_group(of_image, f"references[{row}]") for row, of_image in enumerate(references)]
    return _tokenize_all(predictions, grouped)


def _check_lists(predictions: Sequence[str], references: References) -> None:
    for name, texts in (("predictions", predictions), ("references", references)):
        if isinstance(texts, str):
            raise UsageError(f"one text ({texts[:40]!r}) instead of a list", place=name, remedy="pass a list of texts")
    if len(predictions) != len(references):
        found = f"{len(predictions)} predictions but {len(references)} references"
        raise UsageError(found, place="references", remedy="pass one prediction for each reference row (coco: for each image)")
    if len(predictions) == 0:
        raise UsageError("nothing to score: no predictions", place="predictions", remedy="pass at least one")


def _check_text(text: object, place: str) -> None:
    if not isinstance(text, str):
        remedy = "pass a text; leave missing predictions out of the score, or pass '' to count them as empty captions"
        raise UsageError(f"{text!r:.60} is no text", place=place, remedy=remedy)


def _check_single(reference: object, place: str) -> None:
    if isinstance(reference, list | tuple):
        remedy = "repeat the prediction for each of its references, or use profile='coco'"
        raise UsageError(f"a list of {len(reference)} where profile 'official' has one reference", place=place, remedy=remedy)
    _check_text(reference, place)


def _group(of_image: str | Sequence[str], place: str) -> list[str]:
    texts = [of_image] if isinstance(of_image, str) else of_image
    if not isinstance(texts, list | tuple) or not texts:
        raise UsageError(f"{of_image!r:.60} holds no reference", place=place, remedy="pass one or more texts for each image")
    for index, text in enumerate(texts):
        _check_text(text, f"{place}[{index}]")
    return list(texts)


def _tokenize_all(predictions: Sequence[str], references: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """One start of Java for all texts."""
    tokenized = iter(tokenize([*predictions, *(text for of_image in references for text in of_image)]))
    return [next(tokenized) for _ in predictions], [[next(tokenized) for _ in of_image] for of_image in references]
