"""Items measured by the processes of `accelerate launch`, for `test_items`; numbers alone, no model."""

import json
import sys
from pathlib import Path

from gencontrol.runs.evaluation.items import Kept, measure_items
from gencontrol.runs.machine.processes import join_processes

if __name__ == "__main__":
    kept = Kept(output=Path(sys.argv[1]) / "out.json", made_with={"a": 1}, device="cpu")
    index = join_processes("cpu").index
    found = measure_items(range(7), lambda item: {"square": item**2, "process": index}, kept)
    # The first process alone has them, and all of them.
    assert (found is None) == (index > 0)
    if found is not None:
        (Path(sys.argv[1]) / "found.json").write_text(json.dumps(found))
