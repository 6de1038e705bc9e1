"""The last step of a build: from finished shards to a finished dataset folder.

Row numbers of the `vqa` config are known only now, so the question shards are written here. Every step can be repeated: a
build killed in the middle runs through all of them again, and the manifest comes last.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from sarlang_hf.errors import SourceError
from sarlang_hf.files import output_errors, sha256_of, write_atomically
from sarlang_hf.packaging.build_log import Report
from sarlang_hf.packaging.build_shard import Receipt, ShardPlan
from sarlang_hf.packaging.card import benchmark_yaml, dataset_card
from sarlang_hf.packaging.frequencies import write_frequencies
from sarlang_hf.packaging.manifest import SIDE_FILES, Manifest, OtherFile, Request, Shard, Tar, select_shards, write_manifest
from sarlang_hf.packaging.official import meets_table_6
from sarlang_hf.packaging.parquet import WrittenFile, arrow_schema, shard
from sarlang_hf.packaging.survey import Reject, Survey
from sarlang_hf.packaging.text_tables import PROVENANCE, provenance_batches, question_batches
from sarlang_hf.packaging.webdataset import write_tars
from sarlang_hf.packaging.workspace import clear_work, require_no_rejects
from sarlang_hf.schema import SPLITS, Config, DatasetKind, Split
from sarlang_hf.texts.plan import QuestionPlan

TEXT_ROWS_PER_GROUP = 10_000
_TEXT_KINDS: dict[Config, str] = {"vqa": "question", "cap": "caption"}


def finish(
    out: Path,
    work: Path,
    plans: Sequence[ShardPlan],
    *,
    kind: DatasetKind,
    request: Request,
    questions: QuestionPlan,
    limits: Mapping[str, tuple[float, float]],
    skip_faults: bool,
    report: Report,
) -> Manifest:
    """Completes a dataset folder whose shards all have receipts, and returns its manifest.

    `report` is told of the phases `writing tars`, if there are any to write, and `finishing`.

    A kind `official` is a claim until the texts are counted: if they are not those of Table 6, the dataset is `custom`.

    Raises:
        SourceError: every single image was left out.
        UsageError: an earlier run left images out, and this one was not to.
    """
    receipts = {plan: Receipt.read(work / "receipts" / plan.receipt_name) for plan in plans}
    rejects = _rejects(work, receipts.values())
    require_no_rejects(out, sum(not reject.screened for reject in rejects), skip_faults=skip_faults)
    if not any(receipt.files["vqa"].rows for receipt in receipts.values()):
        clear_work(work)  # there is nothing to continue
        where = ", ".join(dict.fromkeys(file.source for file in request.inputs))
        first = f" ({rejects[0].image_id}: {rejects[0].problem})" if rejects else ""
        raise SourceError("no usable image", place=where, remedy=f"mend the source: {len(rejects)} images were left out{first}")
    images = _place_shards(out, work, receipts)
    tars = _write_tars(out, images, request, report)
    report("finishing", 0, 1)
    shards = [*images, *_write_questions(out, images)]
    counts = _counts(receipts)
    manifest = Manifest(
        dataset_kind=kind if kind != "official" or meets_table_6(counts) else "custom",
        generator=request.generator,
        inputs=request.inputs,
        sources=request.sources,
        parameters=request.parameters,
        question_plan=questions.to_json(),
        counts=counts,
        drops=_drops(receipts.values()),
        rejects=_by_reason(reject for reject in rejects if not reject.screened),
        screened=_by_reason(reject for reject in rejects if reject.screened),
        limits=dict(limits),
        shards=tuple(sorted(shards, key=lambda one: one.file)),
        files=(),
        webdataset=tars,
    )
    manifest = replace(manifest, files=_write_side_files(out, manifest, rejects))
    write_manifest(out, manifest)
    report("finishing", 1, 1)
    return manifest


def _by_reason(rejects: Iterable[Reject]) -> dict[str, int]:
    return dict(sorted(Counter(reject.reason for reject in rejects).items()))


def _write_tars(out: Path, images: Sequence[Shard], request: Request, report: Report) -> tuple[Tar, ...]:
    if not request.parameters["webdataset"]:
        return ()
    progress = partial(report, "writing tars")
    written = write_tars(out, images, seed=request.parameters["seed"], progress=progress)
    if not written:
        report.notice("no image has texts: no tars are written")
    return written


def _place_shards(out: Path, work: Path, receipts: Mapping[ShardPlan, Receipt]) -> list[Shard]:
    """Moves image shards to their final place; splits and configs without a row are left out."""
    rows: Counter[tuple[Config, Split]] = Counter()
    for plan, receipt in receipts.items():
        rows.update({(config, plan.split): file.rows for config, file in receipt.files.items()})
    placed = []
    with output_errors(out):
        (out / "data").mkdir(exist_ok=True)
        for plan, receipt in receipts.items():
            for config, file in receipt.files.items():
                name = plan.file_name(config)
                if rows[config, plan.split] == 0:
                    continue
                staged, final = work / "shards" / name, out / "data" / name
                if staged.exists():  # else an earlier run, killed later, has moved it
                    staged.replace(final)
                placed.append(_shard(final, config, plan.split, file))
    return placed


def _write_questions(out: Path, images: Sequence[Shard]) -> Iterator[Shard]:
    """Writes the `vqa_questions` config, one file per split, from the image shards."""
    for split in SPLITS:
        path = out / "data" / f"questions-{split}-00000-of-00001.parquet"
        schema = arrow_schema("vqa_questions")
        with shard(path, schema, rows_per_group=TEXT_ROWS_PER_GROUP) as writer:
            for batch in question_batches(_paths(out, images, "vqa", split), schema):
                writer.append_batch(batch)
        if writer.written and writer.written.rows:
            yield _shard(path, "vqa_questions", split, writer.written)
        else:
            path.unlink()


def _write_side_files(out: Path, manifest: Manifest, rejects: Sequence[Reject]) -> tuple[OtherFile, ...]:
    with shard(out / "provenance.parquet", PROVENANCE, rows_per_group=TEXT_ROWS_PER_GROUP) as writer:
        for config, kind in _TEXT_KINDS.items():
            for split in SPLITS:
                for batch in provenance_batches(_paths(out, manifest.shards, config, split), kind=kind):
                    writer.append_batch(batch)
    lines = "".join(json.dumps(asdict(reject), ensure_ascii=False) + "\n" for reject in rejects)
    write_atomically(out / "rejects.jsonl", lines.encode())
    write_atomically(out / "eval.yaml", benchmark_yaml(manifest).encode())
    write_atomically(out / "README.md", dataset_card(manifest).encode())
    names = sorted((*SIDE_FILES, *write_frequencies(out, manifest.shards)))
    return tuple(OtherFile(name, (out / name).stat().st_size, sha256_of(out / name)) for name in names)


def _paths(out: Path, shards: Sequence[Shard], config: Config, split: Split) -> list[Path]:
    return [out / one.file for one in select_shards(shards, config, split)]


def _shard(path: Path, config: Config, split: Split, file: WrittenFile) -> Shard:
    return Shard(f"{path.parent.name}/{path.name}", config, split, file.rows, file.bytes, file.sha256)


def _rejects(work: Path, receipts: Iterable[Receipt]) -> list[Reject]:
    found = [*Survey(work / "survey.sqlite").rejects(), *(reject for receipt in receipts for reject in receipt.rejects)]
    return sorted(found, key=lambda reject: (reject.image_id, reject.reason))


def _counts(receipts: Mapping[ShardPlan, Receipt]) -> dict[str, Any]:
    """Counts per split: {"images": {"train": {"sardet100k": 40}}, "boxes": ..., "questions": ..., ...}."""
    counts: dict[str, dict[str, Counter[str]]] = {}
    for plan, receipt in receipts.items():
        for what, counter in receipt.counts.items():
            if what != "drops":
                counts.setdefault(what, {}).setdefault(plan.split, Counter()).update(counter)
    return {what: {split: dict(sorted(c.items())) for split, c in splits.items()} for what, splits in sorted(counts.items())}


def _drops(receipts: Iterable[Receipt]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for receipt in receipts:
        total.update(receipt.counts.get("drops", {}))
    return dict(sorted(total.items()))
