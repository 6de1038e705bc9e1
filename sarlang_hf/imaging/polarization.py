"""Which band of a file holds which polarization."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sarlang_hf.errors import UsageError
from sarlang_hf.imaging.decode import UndecodableError
from sarlang_hf.schema import POLARIZATIONS, BandOrigin, Polarization

PolOrder = tuple[Polarization, ...]

DEFAULT_ORDER: PolOrder = ("HH", "HV", "VH", "VV")
"""Order of the bands of four-band files that do not name them: SpaceNet 6 documents it. GEO-Bench-2 lists HH, HV, VV, VH."""

_GIVE_ORDER = "give the polarizations of its bands with --pol-order"
_NAMED = re.compile(r"(?<![A-Za-z])(HH|HV|VH|VV)(?![A-Za-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BandChoice:
    """The chosen band, counted from 1, its polarization (empty where unknown) and how it was found."""

    band: int
    polarization: str
    origin: BandOrigin


def parse_pol_order(text: str) -> PolOrder:
    """('VV', 'VH') from 'VV,VH'.

    Raises:
        UsageError: something else than HH, HV, VH and VV stands there, or one of them twice.
    """
    names = [name.strip().upper() for name in text.split(",")]
    order = tuple(polarization for name in names for polarization in POLARIZATIONS if polarization == name)
    if len(order) != len(names) or len(set(order)) != len(order):
        remedy = "list each band's polarization once, as in HH,HV,VH,VV or VV,VH"
        raise UsageError(f"{text!r} is no order of polarizations", place="--pol-order", remedy=remedy)
    return order


def parse_polarization(text: str) -> Polarization | None:
    """The polarization asked for; None for `auto`.

    Raises:
        UsageError: it is none.
    """
    for polarization in POLARIZATIONS:
        if text.upper() == polarization:
            return polarization
    if text.lower() != "auto":
        remedy = f"give {', '.join(POLARIZATIONS)} or auto"
        raise UsageError(f"{text!r} is no polarization", place="--polarization", remedy=remedy)
    return None


def choose_band(
    descriptions: Sequence[str],
    bands: int,
    *,
    polarization: str = "auto",
    order: PolOrder | None = None,
    preferred: Polarization | None = None,
) -> BandChoice:
    """Chooses the band to read.

    Bands whose descriptions name a polarization (`HH`, `Sigma0_VV`) decide. Else a file with one band has nothing to choose:
    that band is taken whatever is asked for, its polarization is unknown unless `order` names just one. Else the bands stand
    in `order`, which must fit; without one, four bands stand in `DEFAULT_ORDER`, and of any other number the first is taken,
    its polarization unknown.

    Args:
        descriptions: of the bands, empty where there is none.
        bands: how many there are.
        polarization: HH, HV, VH, VV, or `auto`: the preferred one if there is one, else the first.
        order: polarizations of the bands of a file that does not name them.
        preferred: what `auto` means.

    Raises:
        UsageError: `polarization` is none.
        UndecodableError: `wrong_band_count`: the order names more or fewer bands than the file has; `no_such_band`: no band, or
            more than one, has the polarization that is asked for or preferred.
    """
    wanted = parse_polarization(polarization) or preferred
    named = {number: found for number, text in enumerate(descriptions, 1) if (found := _name_in(text))}
    if named:
        return _pick(named, wanted, "described")
    if bands == 1 and (order is None or len(order) > 1):
        return BandChoice(1, "", "only")
    if order is not None and len(order) != bands:
        problem = f"has {bands} bands, which are not described, but the order {','.join(order)} names {len(order)}"
        raise UndecodableError("wrong_band_count", problem, remedy=_GIVE_ORDER)
    if order is None and bands == len(DEFAULT_ORDER):
        order = DEFAULT_ORDER
    if order is not None:
        return _pick(dict(enumerate(order, 1)), wanted, "order")
    if wanted is not None:
        problem = f"has {bands} bands that are not described, so none is known to be {wanted}"
        raise UndecodableError("wrong_band_count", problem, remedy=_GIVE_ORDER)
    return BandChoice(1, "", "first")


def _name_in(description: str) -> Polarization | None:
    """The polarization that a band description names; None if it names none, or several as a ratio does."""
    names = {name.upper() for name in _NAMED.findall(description)}
    return next((polarization for polarization in POLARIZATIONS if names == {polarization}), None)


def _pick(named: dict[int, Polarization], wanted: Polarization | None, origin: BandOrigin) -> BandChoice:
    if wanted is None:
        number = min(named)
        return BandChoice(number, named[number], origin)
    found = [number for number, polarization in named.items() if polarization == wanted]
    if len(found) == 1:
        return BandChoice(found[0], wanted, origin)
    listed = ", ".join(f"{number} {polarization}" for number, polarization in sorted(named.items()))
    problem = f"has no band {wanted}" if not found else f"has {len(found)} bands {wanted}"
    remedy = "choose another one with --polarization"
    raise UndecodableError("no_such_band", f"{problem} (its bands: {listed})", remedy=remedy)
