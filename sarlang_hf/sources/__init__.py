"""Reading the outside world: one small class per source of SAR images.

A third-party source is a class with the members of `Source` and one call of `register`:

    @register("mine")
    class MySource: ...
"""

from sarlang_hf.sources.base import SIMULATION_MARKER, Source, register, registered, source_class
from sarlang_hf.sources.coco import Coco
from sarlang_hf.sources.sardet100k import SARDet100K

__all__ = ["SIMULATION_MARKER", "Coco", "SARDet100K", "Source", "register", "registered", "source_class"]
