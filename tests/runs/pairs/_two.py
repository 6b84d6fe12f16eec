"""Pairs made by the processes of `accelerate launch`, for `test_carrying_out`."""

import sys

from gencontrol.runs.machine.processes import join_processes
from gencontrol.runs.pairs.carrying_out import make_pairs
from gencontrol.runs.pairs.settings import PairsSettings

if __name__ == "__main__":
    pictures, captions, output = sys.argv[1:]
    index = join_processes("cpu").index
    made = make_pairs(
        PairsSettings(
            pictures=pictures, captions=captions, output=output, grounder="given", filter=False, shard=1, device="cpu"
        )
    )
    # The first process alone tells what came.
    assert (made is None) == (index > 0)
