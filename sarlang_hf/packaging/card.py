"""The dataset card (README.md) and the benchmark registration (eval.yaml), from a build's manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from importlib.resources import files
from string import Template
from typing import Any

import yaml

from sarlang_hf.packaging.manifest import Manifest, select_shards
from sarlang_hf.schema import CONFIGS, SPLITS, Config, DatasetKind, Split, features
from sarlang_hf.texts.document_frequency import FILE_OF_KIND

CANARY = "6f0c2a0e-7d1b-4a57-9c36-2b9f5d8e41aa"
"""A GUID that lets others find, and filter, texts of this benchmark. A request to crawlers, not a protection."""

_FILE_PREFIX: dict[Config, str] = {"vqa_questions": "questions"}

_KIND_TEXT: dict[DatasetKind, str] = {
    "simulated": "**The images are simulated.** They show that the pipeline works and say nothing about real radar images.",
    "official": "Texts as released by the authors; counts agree with Table 6 of the paper.",
    "rebuilt": "Built from the paper's four image sources, with questions written by `sarlang-hf`, not the released texts.",
    "custom": "Built from other images than the paper's full selection; the table of origins below says who wrote the texts.",
}

_ORIGIN_TERMS = {
    "template": "written from boxes, or for simulated scenes, by rules of sarlang-hf; inherit their source's terms",
    "released": "as released by the authors of SARLANG-1M, who state no licence",
}

_FROZEN = Template(
    "In how many test captions each n-gram occurs stands in $files: CIDEr computed with these document frequencies can be "
    "compared between subsets."
)


def dataset_card(manifest: Manifest) -> str:
    """The card with its YAML header: configs, features and counts, licences, statistics, citation."""
    template = Template(files("sarlang_hf.loading_script").joinpath("card.md").read_text())
    body = template.substitute(
        kind=manifest.dataset_kind,
        kind_title=f"{manifest.dataset_kind} build",
        kind_text=_KIND_TEXT[manifest.dataset_kind],
        load_name="sarlang-1m",
        first_split=next(shard.split for shard in manifest.shards if shard.config == "vqa"),
        counts=_count_table(manifest),
        questions=_split_table("type", manifest.counts.get("questions", {})),
        captions=_caption_text(manifest),
        boxes=_split_table("category", manifest.counts.get("boxes", {})),
        sources=_source_list(manifest),
        origins=_origin_rows(manifest),
        drops=_list_counts(manifest.drops),
        rejects=_list_counts(manifest.rejects),
        screened=_list_counts(manifest.screened),
        pixels=_pixel_text(manifest),
        canary=CANARY,
    )
    header = yaml.safe_dump(_header(manifest), sort_keys=False, allow_unicode=True)
    return f"---\n{header}---\n\n{body}"


def benchmark_yaml(manifest: Manifest) -> str:
    """`eval.yaml` with the tasks whose config and split this dataset has."""
    text = files("sarlang_hf.loading_script").joinpath("eval.yaml").read_text()
    comment = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
    content = yaml.safe_load(text)
    present = {(shard.config, shard.split) for shard in manifest.shards}
    content["tasks"] = [task for task in content["tasks"] if (task["config"], task["split"]) in present]
    return comment + yaml.safe_dump(content, sort_keys=False)


def _header(manifest: Manifest) -> dict[str, Any]:
    present = _present(manifest)
    images = sum(shard.rows for shard in manifest.shards if shard.config == "vqa")
    return {
        "pretty_name": "SARLANG-1M",
        "language": ["en"],
        "license": "other",
        "license_name": "per-source",
        "license_link": "README.md",
        "task_categories": ["visual-question-answering", "image-to-text"],
        "annotations_creators": ["machine-generated"],
        "size_categories": [_size_category(images)],
        "tags": ["sar", "radar", "remote-sensing", "benchmark", f"sarlang-{manifest.dataset_kind}"],
        "configs": [_config_entry(config, splits) for config, splits in present.items()],
        "dataset_info": [_info_entry(manifest, config, splits) for config, splits in present.items()],
    }


def _present(manifest: Manifest) -> dict[Config, list[Split]]:
    """Splits by config, in the fixed order of both."""
    pairs = {(shard.config, shard.split) for shard in manifest.shards}
    splits = {config: [split for split in SPLITS if (config, split) in pairs] for config in CONFIGS}
    return {config: names for config, names in splits.items() if names}


def _config_entry(config: Config, splits: Iterable[Split]) -> dict[str, Any]:
    prefix = _FILE_PREFIX.get(config, config)
    patterns = [{"split": split, "path": f"data/{prefix}-{split}-*.parquet"} for split in splits]
    # Leaving a streamed Parquet file early hangs the interpreter at exit (apache/arrow#45214); for local folders small
    # batches avoid it.
    return {
        "config_name": config,
        **({"default": True} if config == "vqa" else {}),
        "data_files": patterns,
        "batch_size": 16,
    }


def _info_entry(manifest: Manifest, config: Config, splits: Iterable[Split]) -> dict[str, Any]:
    shards = [shard for shard in manifest.shards if shard.config == config]
    entries = [
        {
            "name": split,
            "num_bytes": sum(shard.bytes for shard in shards if shard.split == split),
            "num_examples": sum(shard.rows for shard in shards if shard.split == split),
        }
        for split in splits
    ]
    size = sum(shard.bytes for shard in shards)
    columns = features(config)._to_yaml_list()  # the form `datasets` itself writes into cards
    return {"config_name": config, "features": columns, "splits": entries, "download_size": size, "dataset_size": size}


def _size_category(images: int) -> str:
    bounds = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}
    return next((name for bound, name in bounds.items() if images < bound), "1M<n<10M")


def _count_table(manifest: Manifest) -> str:
    rows = [
        (config, split, f"{sum(shard.rows for shard in select_shards(manifest.shards, config, split)):,}")
        for config, splits in _present(manifest).items()
        for split in splits
    ]
    return _table(("config", "split", "rows"), rows)


def _split_table(what: str, counts: Mapping[str, Mapping[str, int]]) -> str:
    splits = [split for split in SPLITS if split in counts]
    names = sorted({name for split in splits for name in counts[split]})
    return _table((what, *splits), [(name, *(f"{counts[split].get(name, 0):,}" for split in splits)) for name in names])


def _source_list(manifest: Manifest) -> str:
    if manifest.dataset_kind == "simulated":
        return "Simulated scenes, written by `sarlang simulate` in the layout of a source."
    return "\n".join(f"* `{source.source}`: {source.terms}" for source in manifest.sources)


def _origin_rows(manifest: Manifest) -> str:
    total: Counter[str] = Counter()
    for what in ("question_origins", "caption_origins"):
        for counts in manifest.counts.get(what, {}).values():
            total.update(counts)
    return "\n".join(
        f"| {origin} | {number:,} | {_ORIGIN_TERMS.get(origin, 'terms of their source')} |"
        for origin, number in sorted(total.items())
    )


def _caption_text(manifest: Manifest) -> str:
    """How many captions there are, and what else a reader must know of them."""
    counts = manifest.counts.get("captions")
    if not counts:
        return "This build holds no captions."
    table = f"Captions by kind:\n\n{_split_table('kind', counts)}"
    frozen = " and ".join(f"`{name}`" for kind, name in FILE_OF_KIND.items() if counts.get("test", {}).get(kind))
    return f"{table}\n\n{_FROZEN.substitute(files=frozen)}" if frozen else table


def _pixel_text(manifest: Manifest) -> str:
    """What was done to the images."""
    variants = {shard.config for shard in manifest.shards} & {"raw", "rgb"}
    encoded = f" Those of config{'s' * (len(variants) > 1)} {' and '.join(sorted(variants))} are PNG." if variants else ""
    if not manifest.counts.get("band_origins"):
        return f"The images of `vqa` and `cap` are passed on byte for byte.{encoded}"
    stretch = manifest.parameters.get("stretch", "")
    ranges = "; ".join(f"{source} {low:.2f} to {high:.2f} dB" for source, (low, high) in manifest.limits.items())
    return (
        "Radar rasters: one polarization, refined Lee filter (Lee 1981, 7x7), logarithm, linear stretch "
        f"(`{stretch}`{'; ' + ranges if ranges else ''}), 8-bit PNG with 0 for nodata and 1 to 255 for data; the column "
        "`preprocessing` says how each was made. The paper cites another filter of the same name (Yommy et al. 2015), so these "
        f"are not the released pixels. All other images of `vqa` and `cap` are passed on byte for byte.{encoded}"
    )


def _list_counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {reason.replace('_', ' ')}" for reason, number in counts.items()) or "none"


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
