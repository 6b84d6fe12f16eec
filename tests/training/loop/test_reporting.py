import json

from gencontrol.training.loop.reporting import Reporter, format_progress
from gencontrol.training.loop.task import Progress

PROGRESS = Progress(
    step=20, losses={"error": 0.5}, figures={"top1/1": 0.25}, rate=128.4, seconds_left=3723.9, facts={"norm": 2.0}
)


def test_a_line_has_step_losses_rate_and_time_left():
    assert (
        format_progress(PROGRESS, steps=60) == "step 20/60 | error 0.5000 top1/1 0.2500 | 128 samples/s | 1:02:03 left"
    )


def test_reports_are_added_to_the_log_and_to_tensorboard(tmp_path):
    for _ in range(2):  # As when a run goes on.
        with Reporter(tmp_path, steps=60) as report:
            report(PROGRESS)
    first, second = (json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines())
    values = {"error": 0.5, "top1/1": 0.25, "norm": 2.0, "rate": 128.4, "step": 20}
    assert {k: v for k, v in first.items() if k != "time"} == values and second["time"] >= first["time"]
    assert len(list((tmp_path / "tensorboard").iterdir())) == 2
