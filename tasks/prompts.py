"""The prompts, as the paper prints them (its experimental setup, "during the evaluation of these VLMs").

The question's prompt is the paper's character for character. The caption's is quoted there with the comma of the sentence
around it; here it ends in a full stop.

A changed prompt is a new task version: change `scoring.signature.TASK_VERSION`, `metadata.version` in the YAML files and the
golden file of the tests together.
"""

from __future__ import annotations

VQA_PROMPT = "Question: {question}. Answer the question concisely."
CAPTION_PROMPT = "Describe the content of this image in one sentence."


def vqa_prompt(question: str, *, hint: str = "") -> str:
    """The prompt of one question.

    Args:
        question: as it is stored.
        hint: the possible answers in a sentence (`texts.hints`), which stands before the question; empty for none.

    Stored questions end in a question mark and the paper's template adds a full stop; both stay.

    >>> vqa_prompt("How many ships are there in the image?")
    'Question: How many ships are there in the image?. Answer the question concisely.'
    """
    return VQA_PROMPT.replace("{question}", f"{hint} {question}" if hint else question)
