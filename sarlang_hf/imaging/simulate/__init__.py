"""Synthetic SAR scenes with the six classes of SARDet-100K, exact boxes and an optical twin.

Stand-ins for tests, demonstrations and benchmarks: plausible at a glance, never a substitute for real radar images. Every
tree written here carries a marker that makes the datasets built from it `simulated`.
"""

from sarlang_hf.imaging.simulate.planning import plan_scene
from sarlang_hf.imaging.simulate.render import Rendered, render
from sarlang_hf.imaging.simulate.request import GENERATOR_VERSION, LAYOUT_NAMES, LayoutName
from sarlang_hf.imaging.simulate.scene import Scene
from sarlang_hf.imaging.simulate.trees import MARKER, write_tree

__all__ = [
    "GENERATOR_VERSION",
    "LAYOUT_NAMES",
    "MARKER",
    "LayoutName",
    "Rendered",
    "Scene",
    "plan_scene",
    "render",
    "write_tree",
]
