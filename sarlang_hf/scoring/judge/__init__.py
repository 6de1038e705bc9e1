"""Judge models: what they are asked, how they are called, and the verdicts they gave.

`environment.settings_from_environment` says which judge is wanted, `run.open_judge` makes it, `run.ask` asks it.
"""

from sarlang_hf.scoring.judge.requests import Judge, JudgeRequest, JudgeVerdict

__all__ = ["Judge", "JudgeRequest", "JudgeVerdict"]
