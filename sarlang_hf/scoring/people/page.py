"""The page that raters fill in: one HTML file with its images, style and script, for any browser, offline, on a phone.

Texts of a dataset and of models are escaped, and a Content-Security-Policy allows only the style and the script below and
images within the file: no text can load or run anything.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from PIL import Image

from sarlang_hf.scoring.people.sheet import Sheet

FOLDED = 400
"""Characters after which a text is folded: a thousand-line answer must not bury the next question."""

_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Item:
    """What a rater sees of one question: an image file (png or jpg; None for none), and texts under their names."""

    image: bytes | None
    texts: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Wording:
    """What the page says.

    Attributes:
        title: the heading.
        introduction: paragraphs before the first question.
        prompt: asks for an answer, at every question.
        column: the column of the table that the answers go to.
        choices: (value, words) of the answers to choose from; empty for a line of text.
    """

    title: str
    introduction: Sequence[str]
    prompt: str
    column: str
    choices: Sequence[tuple[str, str]] = ()


def sheet_page(sheet: Sheet, items: Sequence[Item], wording: Wording) -> str:
    """The page of a sheet, one item a question in its order."""
    style, script = (files(__package__).joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
    policy = f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'"
    sections = [
        _section(number, len(items), question_id, item, wording)
        for number, (question_id, item) in enumerate(zip(sheet.question_ids, items, strict=True), 1)
    ]
    introduction = "".join(f"<p>{escape(paragraph)}</p>\n" for paragraph in wording.introduction)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(wording.title)}</title>
<style>{style}</style>
</head>
<body data-sheet="{sheet.digest}" data-column="{escape(wording.column)}">
<header>
<h1>{escape(wording.title)}</h1>
{introduction}<p><label for="rater">Your name or number</label> <input id="rater" autocomplete="off" spellcheck="false"></p>
</header>
<main>
{"".join(sections)}</main>
<footer>
<p id="status" role="status"></p>
<button id="save" type="button">Save the answers as a file</button>
<noscript><p>This page needs JavaScript; without it, fill in the table that came with it.</p></noscript>
</footer>
<script>{script}</script>
</body>
</html>
"""


def _section(number: int, total: int, question_id: str, item: Item, wording: Wording) -> str:
    texts = "".join(f'<dt>{escape(name)}</dt><dd dir="auto">{_folded(text)}</dd>\n' for name, text in item.texts)
    entry = _choice(number, wording) if wording.choices else _line(number, wording)
    return f"""<section data-id="{escape(question_id)}" aria-labelledby="h{number}">
<h2 id="h{number}">{number} <small>of {total}</small></h2>
{_image(number, item.image)}<dl id="t{number}">
{texts}</dl>
{entry}</section>
"""


def _line(number: int, wording: Wording) -> str:
    return f"""<label for="a{number}">{escape(wording.prompt)}</label>
<input id="a{number}" name="a{number}" aria-describedby="t{number}" autocomplete="off" autocapitalize="off" enterkeyhint="next">
"""


def _choice(number: int, wording: Wording) -> str:
    buttons = [
        f'<label><input type="radio" name="a{number}" value="{escape(value)}"{mark}> {escape(words)}</label>\n'
        for value, words, mark in ((value, words, "" if value else " checked") for value, words in wording.choices)
    ]
    return f'<fieldset aria-describedby="t{number}"><legend>{escape(wording.prompt)}</legend>\n{"".join(buttons)}</fieldset>\n'


def _image(number: int, data: bytes | None) -> str:
    if data is None:
        return ""
    kind = "jpeg" if data.startswith(b"\xff\xd8") else "png"
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    width, height = Image.open(io.BytesIO(data)).size
    label = f"Radar image of question {number}, {width} x {height} pixels"
    return f'<figure><img src="{source}" alt="{label}"><figcaption>{width} x {height} pixels</figcaption></figure>\n'


def _folded(text: str) -> str:
    if len(text) <= FOLDED:
        return escape(text)
    summary = f"{escape(text[:_SHOWN])}&hellip; <b>show all {len(text):,} characters</b>"
    return f'<details><summary dir="auto">{summary}</summary><p dir="auto">{escape(text)}</p></details>'


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
