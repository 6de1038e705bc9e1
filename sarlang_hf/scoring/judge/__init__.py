"""Judge models: what they are asked, how they are called, and the verdicts they gave."""

from sarlang_hf.scoring.judge.requests import Judge, JudgeRequest, JudgeVerdict

__all__ = ["Judge", "JudgeRequest", "JudgeVerdict"]
