"""Makes captions.json: made-up captions and what pycocoevalcap 1.2 says about them, item by item.

    pip install "sarlang-hf[java]"      (and Java 8 or newer)
    python tests/golden/make_captions.py

`official`: the raw texts, one reference a row, in the order of the official script's calls. `coco`: several references an image,
tokenized by the toolkit's PTB tokenizer, with METEOR.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.meteor.meteor import Meteor
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

TEXT = (
    "the a of in and with image SAR radar ships ship near harbor water bright dark buildings areas visible several along coast "
    "bridge tank aircraft dense urban road regular upper left right lower center scattered returns strong backscatter sea river "
    "crossing rows moored vessels, structures, clearly surrounded vegetation. patches textured large small two three linear "
    "runway. port The An image, speckle pattern suggests industrial storage"
)
WORDS = TEXT.split()

# Rows that implementations disagree on: (prediction, reference).
ODD = [
    ("", "a ship"),
    ("a ship", ""),
    ("", ""),
    ("   ", "a ship near the coast"),
    ("a  b", "a b"),
    ("a b\nc", "a b c"),
    ("a\tb c d", "a b c d"),
    ("a\u00a0b c d", "a b c d"),
    ("a\u2003b \u3000c d", "a b c d"),
    (" leading blank", "leading blank"),
    ("trailing blank ", "trailing blank"),
    ("one", "one"),
    ("two words", "two words"),
    ("three words here", "three words here"),
    ("exactly four words here", "exactly four words here"),
    ("A Ship Near The Coast", "a ship near the coast"),
    ("a ship near the coast.", "a ship near the coast ."),
    ("the the the the the the the", "the cat is on the mat"),
    ("ship ship ship", "ship"),
    ("caf\u00e9 na\u00efve \u4e2d\u6587 \U0001f6a2", "caf\u00e9 na\u00efve \u4e2d\u6587 \U0001f6a2"),
    ("x " * 200, "x"),
    ("a ship near the coast", "a ship near the coast"),
]

GROUPS = [
    ("A ship near the coast.", ["a Ship is near a coast", "the harbor with boats"]),
    ("Two large bridges, over a river", ["A bridge over the river.", "two bridges", "There are bridges; two."]),
    ("the pier's 3-m wall (left)", ["The pier's wall is 3 m high (see left)."]),
    ("", ["nothing here"]),
    ("three ships in the harbor", ["three ships", "ships in the harbor", "three ships in the harbor", "a harbor"]),
]


def caption(rng: np.random.Generator, low: int, high: int) -> list[str]:
    likely = 1 / np.arange(1, len(WORDS) + 1)
    return [str(word) for word in rng.choice(WORDS, size=rng.integers(low, high), p=likely / likely.sum())]


def garbled(rng: np.random.Generator, words: list[str]) -> list[str]:
    kept = [word if rng.random() < 0.75 else str(rng.choice(WORDS)) for word in words if rng.random() < 0.92]
    return kept + caption(rng, 0, 5)


def rows(rng: np.random.Generator) -> list[tuple[str, str]]:
    made = []
    for count, low, high in ((60, 25, 45), (80, 7, 14)):
        for _ in range(count):
            words = caption(rng, low, high)
            made.append((" ".join(garbled(rng, words)), " ".join(words)))
    return made + ODD


def groups(rng: np.random.Generator) -> list[tuple[str, list[str]]]:
    made = []
    for _ in range(25):
        words = caption(rng, 7, 16)
        made.append((" ".join(garbled(rng, words)), [" ".join(garbled(rng, words)) for _ in range(rng.integers(1, 5))]))
    return made + GROUPS


def measured(predictions: list[str], references: list[list[str]]) -> dict[str, object]:
    wanted, found = dict(enumerate(references)), {item: [text] for item, text in enumerate(predictions)}
    bleu, item_bleu = Bleu(4).compute_score(wanted, found, verbose=0)
    rouge, item_rouge = Rouge().compute_score(wanted, found)
    cider, item_cider = Cider().compute_score(wanted, found)
    return {
        "bleu": bleu,
        "rouge_l": float(rouge),
        "cider": float(cider),
        "item_bleu": np.transpose(item_bleu).tolist(),
        "item_rouge_l": item_rouge.tolist(),
        "item_cider": item_cider.tolist(),
    }


def official(rng: np.random.Generator) -> dict[str, object]:
    predictions, references = map(list, zip(*rows(rng), strict=True))
    texts = {"predictions": predictions, "references": references}
    return texts | measured(predictions, [[reference] for reference in references])


def coco(rng: np.random.Generator) -> dict[str, object]:
    predictions, references = map(list, zip(*groups(rng), strict=True))
    tokenizer = PTBTokenizer()
    wanted = tokenizer.tokenize({item: [{"caption": text} for text in of_item] for item, of_item in enumerate(references)})
    found = tokenizer.tokenize({item: [{"caption": text}] for item, text in enumerate(predictions)})
    meteor, item_meteor = Meteor().compute_score(wanted, found)
    tokenized = {"tokenized_predictions": [text for [text] in found.values()], "tokenized_references": list(wanted.values())}
    scores = measured(tokenized["tokenized_predictions"], tokenized["tokenized_references"])
    return {
        "predictions": predictions,
        "references": references,
        **tokenized,
        **scores,
        "meteor": meteor,
        "item_meteor": item_meteor,
    }


def main() -> None:
    rng = np.random.default_rng(4)
    golden = {"made_with": "pycocoevalcap 1.2", "official": official(rng), "coco": coco(rng)}
    Path(__file__).with_name("captions.json").write_text(json.dumps(golden, indent=0, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    main()
