"""The SARLANG benchmark as lmms-eval tasks.

    sarlang.yaml           the group: every task that belongs to the benchmark
    sarlang_vqa.yaml       the questions of the test part
    sarlang_vqa_lite.yaml  about 2,000 of them: see `lite`
    vqa.py                 the functions those files name

The YAML files are templates: `templates` fills in where the dataset lies. With the package installed, lmms-eval finds the
tasks by itself (`sarlang_hf.lmms_plugin`). Where that fails,

    lmms-eval --include_path "$(python -m sarlang_hf.tasks)" --tasks sarlang_vqa ...

does the same; both commands must see the same `SARLANG_DATASET`.
"""
