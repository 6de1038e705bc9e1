"""The entry point lmms-eval calls at every start: it adds our models and our tasks.

lmms-eval has an entry-point group for models and none for tasks, and builds its index of tasks in `TaskManager`. So the models
are returned, and `TaskManager` is taught about our tasks the moment `lmms_eval.tasks` is imported (importing it here would
load torch for commands as small as `lmms-eval models`). Nothing here looks at a dataset before one of our tasks is built, and
nothing here raises: a fault of ours must not stop an evaluation that has nothing to do with us.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

_log = logging.getLogger(__name__)

_TASK_MODULE = "lmms_eval.tasks"
_MODELS = {"sarlang_gold": "sarlang_hf.harness.baselines.Gold", "sarlang_prior": "sarlang_hf.harness.baselines.Prior"}


def manifests() -> list[Any]:
    """Our `lmms_eval.models.registry_v2.ModelManifest`s; also sees to it that our tasks are found."""
    try:
        from lmms_eval.models.registry_v2 import ModelManifest

        _register_tasks_when_imported()
        return [ModelManifest(model_id=name, simple_class_path=path) for name, path in _MODELS.items()]
    except Exception as error:
        _warn(error)
        return []


class _TaskModuleFinder(MetaPathFinder):
    """Stands in for the first import of `lmms_eval.tasks`, then steps aside."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - import calls it so
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if fullname != _TASK_MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = _then_register(spec.loader.exec_module)  # type: ignore[assignment,method-assign]
        return spec


def _then_register(execute: Callable[[ModuleType], None]) -> Callable[[ModuleType], None]:
    def exec_module(module: ModuleType) -> None:
        execute(module)
        try:
            register_tasks(module.TaskManager)
        except Exception as error:
            _warn(error)

    return exec_module


def _register_tasks_when_imported() -> None:
    if _TASK_MODULE in sys.modules:
        register_tasks(sys.modules[_TASK_MODULE].TaskManager)
    elif not any(isinstance(finder, _TaskModuleFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _TaskModuleFinder())


def register_tasks(task_manager: Any) -> None:
    """Teaches lmms-eval's `TaskManager` class to index our tasks, and to fill in the dataset when it builds one of them.

    A missing dataset or a wrong setting is found at that point: our message on stderr, exit code 2.
    """
    import sarlang_hf.tasks

    templates = Path(sarlang_hf.tasks.__path__[0])
    index, get_config = task_manager.initialize_tasks, task_manager._get_config
    if getattr(index, "_sarlang", False):
        return

    def initialize_tasks(self: Any, include_path: str | list[str] | None = None, include_defaults: bool = True) -> Any:
        given = [include_path] if isinstance(include_path, str) else list(include_path or [])
        return index(self, include_path=[*given, str(templates)], include_defaults=include_defaults)

    def _get_config(self: Any, name: str) -> Any:
        template = Path(str(self._get_yaml_path(name)))  # a tag has -1 there
        return _filled_in(template) if template.parent == templates else get_config(self, name)

    initialize_tasks._sarlang = True  # type: ignore[attr-defined]
    task_manager.initialize_tasks = initialize_tasks
    task_manager._get_config = _get_config


def _filled_in(template: Path) -> Any:
    """The configuration that lmms-eval would read from `template`, with the dataset's files in it."""
    from sarlang_hf.tasks.outputs import require_writable_output
    from sarlang_hf.tasks.settings import ends_with_user_error
    from sarlang_hf.tasks.templates import write_tasks

    with ends_with_user_error():
        require_writable_output()
        folder = write_tasks(template.stem)
    from lmms_eval.utils import load_yaml_config

    return load_yaml_config(str(folder / template.name), mode="full")


def _warn(error: Exception) -> None:
    _log.warning("sarlang-hf could not register itself with lmms-eval: %r", error, exc_info=error)
