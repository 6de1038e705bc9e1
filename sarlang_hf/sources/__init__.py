"""Reading the outside world: one small class per source of SAR images.

A third-party source is a class with the members of `Source` and one call of `register`:

    @register("mine")
    class MySource: ...
"""

from sarlang_hf.sources.base import SIMULATION_MARKER, Source, register, registered, source_class
from sarlang_hf.sources.coco import Coco
from sarlang_hf.sources.dfc2023 import DFC2023
from sarlang_hf.sources.openearthmap_sar import OpenEarthMapSAR
from sarlang_hf.sources.paired import Paired
from sarlang_hf.sources.rasters import RasterSettings
from sarlang_hf.sources.released import Released
from sarlang_hf.sources.sardet100k import SARDet100K
from sarlang_hf.sources.spacenet6 import SpaceNet6

__all__ = [
    "DFC2023",
    "SIMULATION_MARKER",
    "Coco",
    "OpenEarthMapSAR",
    "Paired",
    "RasterSettings",
    "Released",
    "SARDet100K",
    "Source",
    "SpaceNet6",
    "register",
    "registered",
    "source_class",
]
