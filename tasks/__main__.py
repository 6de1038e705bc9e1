"""`python -m sarlang_hf.tasks` prints the folder to give to lmms-eval's `--include_path`."""

from __future__ import annotations

from sarlang_hf.tasks.settings import ends_with_user_error
from sarlang_hf.tasks.templates import write_tasks

if __name__ == "__main__":
    with ends_with_user_error():
        print(write_tasks())
