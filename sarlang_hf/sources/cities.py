"""Cities as the file names of DFC2023 spell them."""

from __future__ import annotations

import re

_COUNTRIES = {
    "barcelona": "Spain",
    "berlin": "Germany",
    "brasilia": "Brazil",
    "copenhagen": "Denmark",
    "darwin": "Australia",
    "jacksonville": "United States",
    "lasvegas": "United States",
    "newdelhi": "India",
    "newyork": "United States",
    "omaha": "United States",
    "portsmouth": "United Kingdom",
    "rio": "Brazil",
    "riodejaneiro": "Brazil",
    "sandiego": "United States",
    "sanfrancisco": "United States",
    "saopaulo": "Brazil",
    "singapore": "Singapore",
    "suzhou": "China",
    "sydney": "Australia",
    "tokyo": "Japan",
}


def country_of(city: str) -> str:
    """The country of a city as file names spell it (`NewYork`); empty where unknown."""
    return _COUNTRIES.get(re.sub(r"[^a-z]", "", city.lower()), "")


def spelled_out(city: str) -> str:
    """`New York` from `NewYork`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", city)
