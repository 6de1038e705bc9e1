"""What the file name of a released SARLANG-1M image tells: its source, and where and by whom it was taken.

SN6_Train_AOI_11_Rotterdam_SAR-Intensity_20190822070610_20190822070846_tile_3721   SpaceNet6, a strip over Rotterdam
GF2_NewYork_40.7401_-73.9915, SV_Darwin_-12.4278_130.8688                          DFC2023: optical sensor, city, lat, lon
0009787                                                                            SARDet-100K
France_Alpes-Maritimes_Nice_3                                                      OpenEarthMap-SAR: country, region, city
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from sarlang_hf.schema import Radar
from sarlang_hf.sources.cities import country_of, spelled_out

ReleasedSource = Literal["spacenet6", "dfc2023", "openearthmap_sar", "sardet100k"]

_EXTENSION = re.compile(r"\.(?:png|jpe?g|bmp|tiff?)$", re.IGNORECASE)
_STRIP = re.compile(r"(?:^|_)(\d{14}_\d{14})(?:_|$)")
_CITY = re.compile(r"^(?:GF2|SV)_(?P<city>[^_]+)_(?P<lat>-?\d+(?:\.\d+)?)_(?P<lon>-?\d+(?:\.\d+)?)$")
_REGION = re.compile(r"^(?P<country>[^_\d]+)_(?:.+_)?(?P<city>[^_\d]+)_\d+$")


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which terms a source's images come, and whether those allow passing them on."""

    license: str
    redistributable: bool


TERMS: dict[ReleasedSource, Terms] = {
    "spacenet6": Terms("CC-BY-SA-4.0", redistributable=True),
    "dfc2023": Terms("DFC2023 terms (no redistribution)", redistributable=False),
    "openearthmap_sar": Terms("CC-BY-4.0", redistributable=True),
    "sardet100k": Terms("CC-BY-NC-4.0", redistributable=False),
}

OPTICAL_TERMS: dict[ReleasedSource, Terms] = {
    "spacenet6": TERMS["spacenet6"],
    "dfc2023": TERMS["dfc2023"],
    "openearthmap_sar": Terms("terms of NAIP, IGN or GSI", redistributable=False),
}
"""Of the optical twins; whose image an OpenEarthMap-SAR twin is, its name does not tell."""

SIMULATED = Terms("CC0-1.0", redistributable=True)

ORIGINALS: dict[ReleasedSource, Radar] = {
    "spacenet6": Radar(band=1, band_origin="order", input_scale="db+60", zero="nodata"),
    "dfc2023": Radar(band=1, band_origin="only", input_scale="amplitude", zero="border"),
    "openearthmap_sar": Radar(band=1, band_origin="only", input_scale="amplitude", zero="border"),
}
"""How the released originals are read for the `raw` config: like the source's own tiles. Which of SpaceNet6's four bands the
authors took is not published; the first is HH."""


@dataclass(frozen=True, slots=True)
class StemFacts:
    """What a stem tells; texts are empty and coordinates None where it does not."""

    source: ReleasedSource
    scene: str = ""
    place: str = ""
    country: str = ""
    lat: float | None = None
    lon: float | None = None
    sensor: str = ""
    optical_sensor: str = ""


def stem_of(image_name: str) -> str:
    """The stem of an image name as a text file writes it: without folders (of either slash) and without image extension.

    Only known extensions are cut off: `SV_Darwin_-12.4278_130.8688` ends in a longitude.
    """
    name = image_name.replace("\\", "/").rpartition("/")[2].strip()
    return unicodedata.normalize("NFC", _EXTENSION.sub("", name))


def source_of(stem: str) -> ReleasedSource:
    """The source by the form of the stem: SN6_ SpaceNet6, GF2_ and SV_ DFC2023, digits SARDet-100K, else OpenEarthMap-SAR."""
    if stem.startswith("SN6_"):
        return "spacenet6"
    if stem.startswith(("GF2_", "SV_")):
        return "dfc2023"
    return "sardet100k" if stem.isascii() and stem.isdigit() else "openearthmap_sar"


def facts_of(stem: str) -> StemFacts:
    """Everything a stem tells."""
    source = source_of(stem)
    if source == "spacenet6":
        strip = match[1] if (match := _STRIP.search(stem)) else ""
        radar, optical = "Capella Space airborne X-band SAR", "WorldView-2"
        return StemFacts(source, strip, "Rotterdam", "Netherlands", sensor=radar, optical_sensor=optical)
    if source == "dfc2023":
        return _dfc2023(stem)
    if source == "openearthmap_sar":
        named = _REGION.match(stem)
        place, country = (named["city"], named["country"]) if named else ("", "")
        return StemFacts(source, place=place, country=country, sensor="Umbra")
    return StemFacts(source)


def _dfc2023(stem: str) -> StemFacts:
    named, optical = _CITY.match(stem), "Gaofen-2" if stem.startswith("GF2_") else "SuperView-1"
    if not named:
        return StemFacts("dfc2023", sensor="Gaofen-3", optical_sensor=optical)
    lat, lon = float(named["lat"]), float(named["lon"])
    on_earth = abs(lat) <= 90 and abs(lon) <= 180
    return StemFacts(
        "dfc2023",
        place=spelled_out(named["city"]),
        country=country_of(named["city"]),
        lat=lat if on_earth else None,
        lon=lon if on_earth else None,
        sensor="Gaofen-3",
        optical_sensor=optical,
    )
