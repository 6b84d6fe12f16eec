"""Where a run's progress goes: a line in the log, a line of JSON, TensorBoard."""

import json
import logging
import time
from pathlib import Path

from gencontrol.errors import MissingDependencyError
from gencontrol.training.loop.task import Progress

_log = logging.getLogger(__name__)


class Reporter:
    """Writes progress to `log.jsonl` and TensorBoard files in a run's folder, and to logging."""

    def __init__(self, folder: Path, *, steps: int):
        """Open the files.

        Raises:
            MissingDependencyError: TensorBoard is not installed.
        """
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ImportError:
            raise MissingDependencyError(
                "Training writes TensorBoard files: run `pip install 'gencontrol[train]'`."
            ) from None
        folder.mkdir(parents=True, exist_ok=True)
        self._writer = SummaryWriter(str(folder / "tensorboard"))
        self._file = (folder / "log.jsonl").open("a", encoding="utf-8")
        self._steps = steps

    def __call__(self, progress: Progress) -> None:
        """Write one report."""
        values = progress.losses | progress.figures | progress.facts | {"rate": progress.rate}
        self._file.write(json.dumps({"step": progress.step, "time": time.time()} | values, allow_nan=False) + "\n")
        self._file.flush()
        for name, value in values.items():
            self._writer.add_scalar(name, value, progress.step)
        _log.info("%s", format_progress(progress, steps=self._steps))

    def __enter__(self) -> "Reporter":
        """The reporter itself."""
        return self

    def __exit__(self, *raised: object) -> None:
        """Flush and close the files."""
        self._writer.close()
        self._file.close()


def format_progress(progress: Progress, *, steps: int) -> str:
    """One line: step, losses, figures, rate and time left."""
    numbers = " ".join(f"{k} {v:.4f}" for k, v in (progress.losses | progress.figures).items())
    left = int(progress.seconds_left)
    clock = f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}"
    return f"step {progress.step}/{steps} | {numbers} | {progress.rate:.0f} samples/s | {clock} left"
