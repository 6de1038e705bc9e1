"""The `sarlang` command: arguments, output, exit codes, messages."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from trees import VESSEL, Picture, coco_folder, contents, plain_tree

from sarlang_hf.cli import sarlang
from sarlang_hf.cli.source_options import parse_class_map, source_folders, source_options
from sarlang_hf.errors import UsageError
from sarlang_hf.schema import CATEGORIES
from sarlang_hf.sources.opening import SourceFolders, open_sources


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The console script's entry point in a process of its own."""
    command = [sys.executable, "-m", "sarlang_hf.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", sorted(sarlang.commands))
def test_every_command_s_help_shows_an_example(name: str) -> None:
    result = CliRunner().invoke(sarlang, [name, "--help"])
    assert result.exit_code == 0
    assert f"sarlang {name} " in result.output.split("Example")[1]


def test_version_is_the_distribution_s() -> None:
    from importlib.metadata import version

    assert CliRunner().invoke(sarlang, ["--version"]).output == f"sarlang, version {version('sarlang-hf')}\n"


@pytest.mark.parametrize(
    ("text", "mapping"),
    [
        ("", {}),
        ("ship=ship,vehicle=car", {"ship": "ship", "vehicle": "car"}),
        (" oil tank = Tank , tree= ", {"oil tank": "tank", "tree": ""}),
        ("a=b=c", {"a": "b=c"}),
    ],
)
def test_class_maps(text: str, mapping: dict[str, str]) -> None:
    assert parse_class_map(text) == mapping


@pytest.mark.parametrize(
    ("text", "problem"), [("ship", "not name=category"), ("=car", "not name=category"), ("a=b,a=c", "twice")]
)
def test_class_maps_that_make_no_sense(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        parse_class_map(text)


def folders_of(*arguments: str) -> SourceFolders:
    """What the source options of a command line give."""
    found: list[SourceFolders] = []

    @click.command()
    @source_options
    def command(**options: Any) -> None:
        found.append(source_folders(options))
        assert not options

    command.main(list(arguments), standalone_mode=False)
    return found[0]


def test_raster_settings_of_a_named_set_go_before_those_of_its_kind_and_these_before_the_common_ones() -> None:
    given = ["--input-scale", "db", "--input-scale", "paired=amplitude", "--input-scale", "paired/alps=db+60"]
    folders = folders_of("--paired", "alps=A", "--paired", "sea=S", *given, "--polarization", "openearthmap-sar=VV")
    assert folders.paired == {"alps": Path("A"), "sea": Path("S")}
    assert folders.of("paired", "alps").input_scale == "db+60"
    assert folders.of("paired", "sea").input_scale == "amplitude"
    assert (folders.of("dfc2023").input_scale, folders.of("dfc2023").polarization) == ("db", "auto")
    assert folders.of("openearthmap_sar").polarization == "VV"  # as the option of its folder is spelled


def test_what_precedes_the_first_equals_sign_names_a_folder_unless_it_is_a_path() -> None:
    folders = folders_of("--paired", "a=b=c", "--coco", "./runs/x=1", "--source", "mine=D")
    assert folders.paired == {"a": Path("b=c")}
    assert folders.coco == {"": Path("./runs/x=1")}
    assert folders.others == {"mine": Path("D")}


@pytest.mark.parametrize(
    ("arguments", "place", "problem"),
    [
        (["--input-scale", "db", "--input-scale", "amplitude"], "--input-scale", "'amplitude' is a second value"),
        (["--input-scale", "paired/a=db", "--input-scale", "paired/a=db"], "--input-scale", "'paired/a=db' is a second value"),
        (["--pol-order", "dfc2023=VV", "--pol-order", "dfc2023=VH"], "--pol-order", "'dfc2023=VH' is a second value"),
        (["--input-scale", "open-earthmap=db"], "raster settings", "'open_earthmap' is no source of radar rasters"),
        (["--paired", "a=X", "--input-scale", "paired/b=db"], "raster settings", "'paired/b' is no source of radar rasters"),
        (["--paired", "a=X", "--paired", "a=Y"], "--paired", "two folders are named 'a'"),
        (["--coco", "X", "--coco", "Y"], "--coco", "two folders without a name"),
        (["--source", "mine"], "--source", "'mine' is not NAME=DIR"),
        (["--source", "mine="], "--source", "'mine=' is not NAME=DIR"),
        (["--source", "mine=A", "--source", "mine=B"], "--source", "'mine' is given twice"),
    ],
)
def test_source_options_that_contradict_each_other(arguments: list[str], place: str, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_sources(folders_of(*arguments))
    assert (caught.value.place, problem in caught.value.problem) == (place, True)
    assert caught.value.remedy


@pytest.mark.parametrize("share", ["", "3", "3/", "/3", "0/3", "4/3", "-1/3", "1.5/3", "a/b", "1/2/3", "1 / 2", "\u0661/\u0663x"])
def test_shares_that_are_none(tmp_path: Path, share: str) -> None:
    with pytest.raises(UsageError) as caught:
        sarlang.main(["build", str(tmp_path / "out"), "--sardet", str(tmp_path), f"--shard={share}"], standalone_mode=False)
    assert (caught.value.place, caught.value.problem) == ("--shard", f"{share!r} is not I/N with I from 1 to N")
    assert not (tmp_path / "out").exists()


def test_build_verify_info_in_a_row(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "sarlang-1m"
    built = run("build", out, "--sardet", tree, "--workers", 2, "--rows-per-shard", 5)
    assert (built.returncode, built.stdout.split(":")[0]) == (0, str(out))
    assert "18 images" in built.stdout
    assert "custom" in built.stdout
    checked = run("verify", out, "--json")
    assert json.loads(checked.stdout)["images"] == 18
    counts = json.loads(run("info", out, "--json").stdout)
    assert counts["counts"]["images"] == {"train": {"sardet100k": 12}, "test": {"sardet100k": 6}}
    assert "sardet100k" in run("info", out).stdout
    one = json.loads(run("info", out, "sardet100k/0000003", "--json").stdout)
    shown = run("info", out, "sardet100k/0000003").stdout
    assert one["questions"]
    assert all(question["template"][:12] in shown for question in one["questions"])


def test_coco_sources_by_name_with_a_class_map(tmp_path: Path) -> None:
    pictures = [Picture(f"{i}.png", boxes=[*VESSEL, ("buoy", 3.0, 3.0, 2.0, 2.0)]) for i in range(10)]
    first = coco_folder(tmp_path / "a=1", {"boxes.json": pictures}, ("vessel", "buoy"))
    second = coco_folder(tmp_path / "b", {"boxes.json": pictures}, ("vessel", "buoy"))
    sources = ["--coco", first, "--coco", f"other={second}", "--class-map", "vessel=ship,buoy="]
    built = run("build", tmp_path / "d", *sources, "--json")
    assert built.returncode == 0, built.stderr
    counts = json.loads(built.stdout)["counts"]
    assert counts["images"] == {"train": {"coco": 14}, "test": {"coco": 6}}  # 7:3 within each of the two
    assert counts["boxes"] == {"train": {"ship": 14}, "test": {"ship": 6}}


def test_sources_are_found_by_relative_paths_and_through_links(tmp_path: Path) -> None:
    coco_folder(tmp_path / "sets/real", {"boxes.json": [Picture(f"{i}.png") for i in range(4)]}, CATEGORIES)
    (tmp_path / "link").symlink_to("sets/real")
    for out, source in (("a", "sets/real"), ("b", "link")):
        command = [sys.executable, "-m", "sarlang_hf.cli", "build", out, "--coco", source]
        built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert built.returncode == 0, built.stderr
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


PLUGIN = """
from sarlang_hf.sources import SARDet100K, register

@register("harbour_watch")
class HarbourWatch(SARDet100K):
    terms = "Harbours we watch; ask us."
"""


def test_a_source_of_another_package_is_found_by_its_name(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    info = site / "harbour_watch-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "harbour_watch.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: harbour-watch\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sarlang_hf.sources]\nharbour_watch = harbour_watch\n")
    monkeypatch.setenv("PYTHONPATH", str(site))
    built = run("build", tmp_path / "d", "--source", f"harbour_watch={tree}")
    assert built.returncode == 0, built.stderr
    assert "Harbours we watch; ask us." in (tmp_path / "d/README.md").read_text()
    unknown = run("build", tmp_path / "e", "--source", f"landsat={tree}")
    assert unknown.returncode == 2
    assert "use one of coco, dfc2023, harbour_watch, openearthmap_sar" in unknown.stderr
    (site / "harbour_watch.py").write_text("import nothing_of_that_name")
    broken = run("build", tmp_path / "e", "--source", f"harbour_watch={tree}")
    assert broken.returncode == 2
    assert "source plugin harbour_watch" in broken.stderr


ERRORS = [
    (["build", "OUT"], "no source given", "--sardet"),
    (["build", "OUT", "--sardet", "TREE/nothing"], "folder does not exist", "give the folder"),
    (["build", "OUT", "--coco", "TREE", "--coco", "TREE"], "two folders without a name", "--coco NAME=DIR"),
    (["build", "OUT", "--sardet", "TREE", "--density", "0"], "density is 0.0", "above 0"),
    (["build", "OUT", "--sardet", "TREE", "--class-map", "a=ship"], "no COCO set given has a class 'a'", "--coco DIR"),
    (["build", "OUT", "--coco", "SET", "--class-map", "vesel=ship"], "has a class 'vesel'", "the classes are vessel"),
    (["build", "TREE", "--sardet", "TREE"], "holds other files", "new or empty folder"),
    (["verify", "TREE"], "no dataset here", "sarlang build"),
    (["info", "TREE"], "no dataset here", "SARLANG_DATASET"),
    (["info", "OUT"], "no such folder", "sarlang build"),
    (["score", "TREE/none.csv", "--dataset", "OUT"], "cannot be read", "readable file"),
    (["score", "ANSWERS", "--dataset", "OUT"], "no such folder", "SARLANG_DATASET"),
    (["judge", "ANSWERS", "--judge", "off"], "there is no judge", "openai or azure"),
]


@pytest.mark.parametrize(("arguments", "problem", "remedy"), ERRORS)
def test_user_errors_have_a_place_a_problem_and_a_remedy(
    tree: Path, tmp_path: Path, arguments: list[str], problem: str, remedy: str
) -> None:
    before = contents(tree)
    given = {"SET": coco_folder(tmp_path / "set", {"train.json": [Picture("a.png", boxes=VESSEL)]}, ("vessel",))}
    given |= {"ANSWERS": tmp_path / "answers.csv"}
    given["ANSWERS"].write_text("question_id,prediction\nx,y\n")
    given |= {"OUT": tmp_path / "out", "TREE": tree, "TREE/nothing": tree / "nothing", "TREE/none.csv": tree / "none.csv"}
    result = run(*(given.get(part, part) for part in arguments))
    assert result.returncode == 2
    assert result.stdout == ""
    place_and_problem, arrow, advice = result.stderr.rpartition("\n  -> ")
    assert place_and_problem.splitlines()[-1].startswith("error: ")
    assert problem in place_and_problem
    assert arrow
    assert remedy in advice
    assert contents(tree) == before


def test_a_defect_of_ours_keeps_its_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_path: Path) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(sys.modules["sarlang_hf.cli.info"], "open_dataset", broken)
    assert isinstance(CliRunner().invoke(sarlang, ["info", str(tmp_path)]).exception, ZeroDivisionError)


def test_interrupting_a_build_keeps_what_is_finished(tmp_path: Path) -> None:
    root = plain_tree(tmp_path / "s", train=400, val=2)  # long enough for the signal to come in time on a busy machine
    arguments = ["build", str(tmp_path / "d"), "--sardet", str(root), "--rows-per-shard", "1"]
    command = [sys.executable, "-m", "sarlang_hf.cli", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "d/.build/receipts/train-00004.json").exists() and process.poll() is None:
        time.sleep(0.0005)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 128 + signal.SIGINT
    assert errors.endswith("Interrupted.\n")
    assert "Traceback" not in errors
    assert (tmp_path / "d/.build/receipts/train-00004.json").exists()
    assert run(*arguments).returncode == 0


def test_a_build_that_is_told_to_end_logs_it_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    """As Slurm ends a job: with SIGTERM."""
    plain_tree(tmp_path / "s", train=400, val=40)
    command = [sys.executable, "-m", "sarlang_hf.cli", "build", str(tmp_path / "d"), "--sardet", str(tmp_path / "s")]
    with subprocess.Popen([*command, "--rows-per-shard", "2"], stderr=subprocess.DEVNULL) as process:
        while not list((tmp_path / "d/.build/receipts").glob("*")) and process.poll() is None:
            time.sleep(0.01)
        process.terminate()
    assert process.returncode == 128 + signal.SIGTERM
    assert "stopped" in (tmp_path / "d.log").read_text().splitlines()[-1]
    assert not list((tmp_path / "d").rglob(".*.part"))
