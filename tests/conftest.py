"""Fixtures that several test modules share."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from trees import plain_tree

import sarlang_hf
from sarlang_hf.sources import SARDet100K

ROOT = Path(__file__).parents[1]

settings.register_profile("house", deadline=None, derandomize=True)  # the same examples on every machine, however busy
settings.register_profile("search", deadline=None, max_examples=3000)  # pytest --hypothesis-profile=search, to look further
settings.load_profile("house")


HEAVY = ("torch", "transformers", "lmms_eval")


@pytest.fixture(autouse=True)
def nothing_heavy_is_loaded() -> Iterator[None]:
    """Tests run in a process without torch and lmms-eval; those that need them start one of their own."""
    before = {name for name in HEAVY if name in sys.modules}
    yield
    loaded = [name for name in HEAVY if name in sys.modules and name not in before]
    assert not loaded, f"this test has loaded {', '.join(loaded)}"


@pytest.fixture(scope="session")
def realdata() -> Path:
    """Folder of real SAR samples; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("SARLANG_REALDATA") or ROOT / "../shared/realdata").resolve()
    if not folder.is_dir():
        pytest.skip("real SAR samples not found: set SARLANG_REALDATA")
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A SARDet tree of 12 + 6 small noise images."""
    return plain_tree(tmp_path / "SARDet_100K")


@pytest.fixture(scope="session")
def plain_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset folder named sarlang-1m, built from 12 + 6 noise images in shards of five. Read-only for tests."""
    folder = tmp_path_factory.mktemp("plain")
    sarlang_hf.build(folder / "sarlang-1m", [SARDet100K(plain_tree(folder / "SARDet_100K"))], rows_per_shard=5)
    return folder / "sarlang-1m"


@pytest.fixture(scope="session")
def demo_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset folder built from 24 + 12 simulated tiles of 64 pixels. Read-only for tests."""
    from sarlang_hf.imaging.simulate import write_tree

    folder = tmp_path_factory.mktemp("demo")
    write_tree(folder / "scenes", layout="sardet", train=24, val=12, size=64, seed=0, progress=None)
    sarlang_hf.build(folder / "sarlang-1m", [SARDet100K(folder / "scenes")])
    return folder / "sarlang-1m"
