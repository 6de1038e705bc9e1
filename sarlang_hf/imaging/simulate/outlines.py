"""The six classes of SARDet-100K as outlines: what of an object covers the ground, seen from above.

Templates are drawn in the object's own frame: x along its length, y along its width.
"""

from __future__ import annotations

import numpy as np

from sarlang_hf.imaging.simulate.geometry import Outline, disc, rectangle, turned

QUAY_SHARE = 0.3
"""Share of a harbour's width (across the shore) that its quay takes; the shoreline runs along the quay's outer edge."""

_HULL = np.array([(-0.5, -0.4), (-0.42, -0.5), (0.2, -0.5), (0.5, -0.06), (0.5, 0.06), (0.2, 0.5), (-0.42, 0.5), (-0.5, 0.4)])
_FUSELAGE = np.array([(-0.5, -0.025), (0.4, -0.06), (0.5, 0.0), (0.4, 0.06), (-0.5, 0.025)])
_WING = np.array([(0.16, 0.04), (-0.06, 0.04), (-0.2, 0.5), (-0.11, 0.5)])
_TAIL = np.array([(-0.36, 0.02), (-0.47, 0.02), (-0.5, 0.2), (-0.44, 0.2)])
_MIRROR = np.array([1.0, -1.0])


def outlines(
    category: str, *, x: float, y: float, heading: float, length: float, width: float, variant: int
) -> tuple[Outline, ...]:
    """Convex outlines, (N, 2) pixels in the image, whose union is the object.

    Args:
        category: one of `schema.CATEGORIES`.
        x, y: centre in pixels.
        heading: direction of the length axis in radians.
        length, width: in pixels; a tank's diameter is its length, an aircraft's width its wing span.
        variant: number that picks the detail of a harbour (how many piers, how long).
    """
    own = _harbor(length, width, variant) if category == "harbor" else _simple(category, length, width)
    return tuple(turned(part, x=x, y=y, heading=heading) for part in own)


def _simple(category: str, length: float, width: float) -> tuple[Outline, ...]:
    scale = np.array([length, width])
    if category == "ship":
        return (_HULL * scale,)
    if category == "aircraft":
        wings = (_WING * scale, _WING * _MIRROR * scale, _TAIL * scale, _TAIL * _MIRROR * scale)
        return (_FUSELAGE * length, *wings)
    if category == "tank":
        return (disc(length / 2),)
    return (rectangle(length, width),)  # car, bridge


def _harbor(length: float, width: float, variant: int) -> tuple[Outline, ...]:
    """A quay along the shore with 2 to 4 piers; every second harbour closes its basin with a hook on the last pier."""
    piers = 2 + variant % 3
    thick = max(0.06 * length, 2.0)
    quay = rectangle(length, QUAY_SHARE * width, y=-(0.5 - QUAY_SHARE / 2) * width)
    parts = [quay]
    for index in range(piers):
        reach = (1.0 if index in (0, piers - 1) or variant >> index & 1 else 0.7) * (1 - QUAY_SHARE) * width
        x = (index / (piers - 1) - 0.5) * (length - thick)
        parts.append(rectangle(thick, reach, x=x, y=(QUAY_SHARE - 0.5) * width + reach / 2))
    if variant // 3 % 2:
        hook = 0.3 * length
        parts.append(rectangle(hook, thick, x=(length - hook) / 2, y=(width - thick) / 2))
    return tuple(parts)
