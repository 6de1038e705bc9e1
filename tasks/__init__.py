"""The SARLANG benchmark as lmms-eval tasks.

    sarlang.yaml            the group: sarlang_vqa and sarlang_cap
    sarlang_vqa*.yaml       the tasks of questions; what they share is in sarlang_vqa.template
    sarlang_cap*.yaml       the tasks of captions; what they share is in sarlang_cap.template
    vqa.py, cap.py          the functions those files name
    views.py                which documents each task asks about, and where their images come from

The YAML files are templates: `templates` fills in where the dataset lies. With the package installed, lmms-eval finds the
tasks by itself (`sarlang_hf.lmms_plugin`). Where that fails,

    lmms-eval --include_path "$(python -m sarlang_hf.tasks)" --tasks sarlang_vqa ...

does the same; both commands must see the same `SARLANG_DATASET` and `SARLANG_VISION`.

Each task has a stop text of its own that no model writes (`until`). lmms-eval's simple wrappers batch requests that agree in
their generation settings, and look up all images of a batch in the task of its first request: two tasks with equal settings in
one run would be shown each other's images.
"""
