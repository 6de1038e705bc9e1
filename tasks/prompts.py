"""The prompts, character for character as the paper prints them (its experimental setup, "during the evaluation of these VLMs").

A changed prompt is a new task version: change `VQA_VERSION`, `metadata.version` in the YAML files and the golden file of the
tests together.
"""

from __future__ import annotations

VQA_PROMPT = "Question: {question}. Answer the question concisely."
VQA_VERSION = "1.0"


def vqa_prompt(question: str) -> str:
    """The prompt of one question.

    Stored questions end in a question mark and the paper's template adds a full stop; both stay.

    >>> vqa_prompt("How many ships are there in the image?")
    'Question: How many ships are there in the image?. Answer the question concisely.'
    """
    return VQA_PROMPT.replace("{question}", question)
