"""Fail early, and say why, when the package on the path is not this checkout's."""

import importlib.util

if importlib.util.find_spec("gencontrol") is None or importlib.util.find_spec("gencontrol.pipelines") is None:
    raise SystemExit(
        "gencontrol is not importable here: run `pip install -e '.[dev]'` "
        "(or, with a wheel, `pytest` rather than `python -m pytest`)."
    )
