"""Finding Java and the COCO toolkit before either is needed, and telling a user which of them is missing.

pycocoevalcap (extra `java`) carries three Java programs in its wheel: the PTB tokenizer, METEOR and SPICE. Here they are
started from that package's folders with our own process handling. The package's wrappers write temporary files beside the
code, hang in their destructor once METEOR has died, and take a line break in a caption for the end of it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from sarlang_hf.errors import UsageError

OLDEST_JAVA = 8
_ANSWER_WITHIN_S = 30
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')
# Java before 18 reads and writes text in the encoding of the shell's locale.
_UTF8 = "-Dfile.encoding=UTF-8"


def java_command(*arguments: str) -> list[str]:
    """The command line that runs Java with these arguments.

    Raises:
        UsageError: no executable `java`, one that does not run, or one older than version 8.
    """
    executable = shutil.which("java")
    if executable is None:
        raise _no_java("no executable `java` on the PATH")
    try:
        command = [executable, "-version"]
        asked = subprocess.run(command, capture_output=True, timeout=_ANSWER_WITHIN_S, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise _no_java(f"{executable} -version gives no answer within {_ANSWER_WITHIN_S} s") from None
    except OSError as error:
        raise _no_java(f"{executable} cannot be started: {error.strerror}") from error
    said = (asked.stderr + asked.stdout).decode(errors="replace")
    version = _VERSION.search(said)
    if asked.returncode != 0 or version is None:
        raise _no_java(f"{executable} -version fails: {said.strip()[:200] or f'exit status {asked.returncode}'}")
    if int(version[1]) < OLDEST_JAVA:
        raise _no_java(f"{executable} is version {version[1]}")
    return [executable, _UTF8, *arguments]


def toolkit_folder(part: str, jar: str) -> Path:
    """Folder of one part of pycocoevalcap: `tokenizer`, `meteor` or `spice`.

    Raises:
        UsageError: the package is not installed, or its `jar` is missing.
    """
    found = find_spec("pycocoevalcap")
    places = [Path(place) / part for place in (found.submodule_search_locations if found else None) or ()]
    if not places:
        problem = "the package pycocoevalcap is not installed"
        raise UsageError(problem, place=sys.executable, remedy='pip install "sarlang-hf[java]" (104 MB)')
    folder = next((place for place in places if (place / jar).is_file()), None)
    if folder is None:
        remedy = "install the package again: pip install --force-reinstall --no-deps pycocoevalcap"
        raise UsageError("missing from the installed package pycocoevalcap", place=places[0] / jar, remedy=remedy)
    return folder


def java_died(program: str, status: int | None, said: str) -> UsageError:
    """The error for a Java program that ended without its result, with the end of what it said."""
    remedy = "see what it says; METEOR takes up to 2 GB of memory, SPICE up to 8 GB, and `java -version` shows the version"
    tail = " | ".join(line.strip() for line in said.strip().splitlines()[-3:])
    return UsageError(f"Java ended with status {status}: {tail[-400:] or 'no message'}", place=program, remedy=remedy)


def _no_java(problem: str) -> UsageError:
    remedy = f"install a Java runtime, version {OLDEST_JAVA} or newer (Debian: apt install default-jre-headless); "
    return UsageError(problem, place="java", remedy=remedy + "profile 'official' needs none")
