"""The tokenizer of the COCO toolkit: Stanford's PTBTokenizer (CoreNLP 3.4.1) with lower-casing, then most punctuation removed.

    "A ship's 3-m hull (see fig. 1)."  ->  "a ship 's 3-m hull -lrb- see fig. 1 -rrb-"

Brackets stay because the toolkit takes out `-LRB-` after lower-casing has made it `-lrb-`; so do others' published scores.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from importlib import import_module

from sarlang_hf.scoring.captions.java_runtime import java_command, java_died, toolkit_folder

_JAR = "stanford-corenlp-3.4.1.jar"
_PROGRAM = "edu.stanford.nlp.process.PTBTokenizer"
# What Java takes for the end of a line, and so for the end of a text.
_LINE_ENDS = dict.fromkeys(map(ord, "\n\r\v\f\u2028\u2029"), " ")


def tokenize(texts: Sequence[str]) -> list[str]:
    """Tokens of each text, joined by one blank: for texts of one line exactly those of pycocoevalcap 1.2.

    A line break in a text counts as a blank; pycocoevalcap does so for `\\n` alone, and mixes up its texts at any other.
    Lone surrogates become '?'.

    Raises:
        UsageError: pycocoevalcap or Java is missing, or Java fails.
    """
    folder = toolkit_folder("tokenizer", _JAR)
    command = java_command("-cp", str(folder / _JAR), _PROGRAM, "-preserveLines", "-lowerCase")
    lines = "".join(f"{text.translate(_LINE_ENDS)}\n" for text in texts)
    data = lines.encode(errors="replace")
    ended = subprocess.run(command, input=data, capture_output=True, check=False)  # noqa: S603
    found = ended.stdout.decode(errors="replace").split("\n")[:-1]
    if ended.returncode != 0 or len(found) != len(texts):
        said = ended.stderr.decode(errors="replace") or f"{len(texts)} texts in, {len(found)} out"
        raise java_died("PTB tokenizer", ended.returncode, said)
    removed = frozenset(import_module("pycocoevalcap.tokenizer.ptbtokenizer").PUNCTUATIONS)
    return [" ".join(token for token in line.rstrip().split(" ") if token not in removed) for line in found]
