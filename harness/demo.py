"""`make demo`: from nothing to a scored benchmark, with the commands a user would type.

    simulated radar scenes -> dataset folder -> verified -> lmms-eval with two models -> a table with intervals

The models need no download: `sarlang_prior` answers every question template with its most frequent training answer and never
sees an image; the other is lmms-eval's own Qwen2.5-VL wrapper around 0.2 million random weights. Neither has learned to read
radar images, and the table shows what that looks like. Everything made here lies under the folder given.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
from rich.console import Console

from sarlang_hf.harness.tiny_models import build_tiny_qwen2_5_vl
from sarlang_hf.scoring.scorecard import SCORECARD_FILE, Scorecard, read_scorecards
from sarlang_hf.scoring.tables import scorecard_table

TASK = "sarlang_vqa"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--train", default=240, show_default=True, help="Training scenes.")
@click.option("--val", default=80, show_default=True, help="Test scenes.")
@click.option("--size", default=96, show_default=True, help="Width and height of a scene in pixels.")
def main(folder: Path, train: int, val: int, size: int) -> None:
    """Run the demonstration in FOLDER."""
    scenes, dataset, tiny = folder / "scenes", folder / "sarlang-1m", folder / "tiny-qwen2.5-vl"
    environment = _environment(folder, dataset)
    _run(["sarlang", "simulate", str(scenes), *_options(train=train, val=val, size=size, seed=0)], environment)
    _run(["sarlang", "build", str(dataset), "--sardet", str(scenes)], environment)
    _run(["sarlang", "verify", str(dataset)], environment)
    _say(f"writing a tiny Qwen2.5-VL with random weights to {tiny}")
    build_tiny_qwen2_5_vl(tiny)
    cards = {
        "prior (sees no image)": _evaluate("sarlang_prior", [], folder / "prior", environment),
        "tiny random Qwen2.5-VL": _evaluate("qwen2_5_vl", ["--model_args", _tiny_arguments(tiny)], folder / "tiny", environment),
    }
    Console(width=150).print(scorecard_table(cards))


def _options(**values: int) -> list[str]:
    return [text for name, value in values.items() for text in (f"--{name}", str(value))]


def _tiny_arguments(folder: Path) -> str:
    return f"pretrained={folder.absolute()},device=cpu,device_map=cpu,min_pixels=3136,max_pixels=12544"


def _evaluate(model: str, arguments: list[str], out: Path, environment: dict[str, str]) -> Scorecard:
    """Runs lmms-eval on the benchmark and returns the scorecard of the run."""
    command = ["lmms-eval", "--model", model, *arguments, "--tasks", TASK, "--batch_size", "8"]
    _run([*command, "--output_path", str(out), "--log_samples", "--verbosity", "WARNING", "--timezone", "UTC"], environment)
    newest = max(out.rglob(f"*_sarlang/{SCORECARD_FILE}"), key=lambda path: path.stat().st_mtime_ns)
    card = read_scorecards(newest)[TASK]
    if not isinstance(card, Scorecard):
        raise TypeError(f"{newest}: {TASK} is no task of questions")
    return card


def _environment(folder: Path, dataset: Path) -> dict[str, str]:
    """This process's environment, with every cache inside the folder and no network."""
    cache = str((folder / "cache").absolute())
    return {
        **os.environ,
        "SARLANG_DATASET": str(dataset.absolute()),
        "SARLANG_CACHE": cache,
        "HF_HOME": cache,
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }


def _run(command: list[str], environment: dict[str, str]) -> None:
    """Runs a console script of this Python's environment; a failure ends the demonstration with its exit code."""
    _say(" ".join(command))
    script = Path(sys.executable).parent / command[0]
    code = subprocess.run([str(script), *command[1:]], env=environment, check=False).returncode  # noqa: S603 (our own commands)
    if code:
        sys.exit(code)


def _say(text: str) -> None:
    click.secho(f"\n$ {text}", bold=True)


if __name__ == "__main__":
    main()
