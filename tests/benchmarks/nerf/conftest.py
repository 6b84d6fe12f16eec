"""nerfstudio is imported here first, where there is one: it and the versions that it pins warn about themselves."""

import importlib
import importlib.util
import warnings

collect_ignore = [] if importlib.util.find_spec("nerfstudio") else ["test_speed.py", "test_steering.py"]

if not collect_ignore:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module("benchmarks.nerf.speed")
        importlib.import_module("benchmarks.nerf.steering")
