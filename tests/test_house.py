"""The rules of the house that a linter does not know: who imports whom, what importing costs, what the docs claim."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sarlang_hf.texts.corpus import questions_about

ROOT = Path(__file__).parents[1]

# From the ground up; a module may import from its own floor and from those below.
FLOORS = [
    ["schema", "errors", "files"],
    ["sources", "imaging", "texts"],
    ["packaging"],
    ["data", "loading_script"],
    ["scoring"],
    ["tasks"],
    ["harness", "lmms_plugin"],
    ["cli"],
]
HEAVY = {"torch", "transformers", "lmms_eval", "gradio", "decord"}
MAY_IMPORT_HEAVY = {"harness.baselines"}  # lmms-eval loads this module itself, by name, to run a model


def modules() -> Iterator[tuple[str, Path]]:
    """Every module's name below `sarlang_hf`, with its file."""
    for top in ("sarlang_hf", "harness", "tasks", "loading_script"):
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[1:] if top == "sarlang_hf" else parts).removesuffix("__init__").strip(".")
            yield name, path


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def floor(name: str) -> int | None:
    room = name.split(".", maxsplit=1)[0]
    return next((level for level, rooms in enumerate(FLOORS) if room in rooms), None)


@pytest.mark.parametrize(("name", "path"), list(modules()))
def test_imports_point_down(name: str, path: Path) -> None:
    if not name:  # the package's front door
        return
    own = floor(name)
    assert own is not None, f"{name} is in no room"
    for imported in imports(ast.parse(path.read_text())):
        if imported.startswith("sarlang_hf.") and (other := floor(imported.removeprefix("sarlang_hf."))) is not None:
            assert other <= own, f"{name} imports {imported}"


@pytest.mark.parametrize(("name", "path"), list(modules()))
def test_heavy_libraries_are_imported_where_they_are_used(name: str, path: Path) -> None:
    tops = {imported.split(".")[0] for node in ast.parse(path.read_text()).body for imported in _own_imports(node)}
    assert not tops & HEAVY or name in MAY_IMPORT_HEAVY


def _own_imports(node: ast.stmt) -> Iterator[str]:
    """Imports of a top-level statement, not counting those inside functions and type-checking blocks."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from imports(node)


def test_the_command_line_loads_nothing_heavy() -> None:
    code = "import sys, sarlang_hf.cli, sarlang_hf.scoring, sarlang_hf.data, sarlang_hf.tasks.vqa; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not HEAVY & set(loaded)


def test_unit_tests_load_nothing_heavy() -> None:
    names = [path.stem for path in sorted((ROOT / "tests").glob("test_*.py")) if path.stem != "test_lmms_eval"]
    code = f"import sys; sys.path.insert(0, 'tests'); import {', '.join(names)}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout.split()
    assert not HEAVY & set(loaded)


def test_the_docs_list_every_question_literally() -> None:
    listed = re.findall(r"^\| `([a-z-]+/[a-z-]+)` \| (.+) \|$", (ROOT / "docs/data.md").read_text(), re.MULTILINE)
    assert listed == questions_about("ship")


PAGES = sorted(path.relative_to(ROOT).as_posix() for folder in (ROOT, ROOT / "docs") for path in folder.glob("*.md"))


@pytest.mark.parametrize("page", PAGES)
def test_links_in_the_docs_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text()):
        assert (ROOT / page).parent.joinpath(target).exists(), target
