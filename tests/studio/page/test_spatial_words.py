"""What the tab of three dimensions says of a run."""

from pathlib import Path
from typing import Any

import pytest

from gencontrol.runs.radiance import CreationSettings
from gencontrol.studio.page.spatial_words import how_far, mark_of, told_elsewhere
from gencontrol.studio.spatial.desk import Told
from gencontrol.studio.spatial.records import Job, State
from gencontrol.studio.spatial.runs import Run


def told(status: Any, *, message: str = "", step: int | None = None, seconds: float = 0.0, ahead: int = 0) -> Told:
    job = Job(owner="", made=100.0, settings=CreationSettings(prompt="cactus", steps=40))
    state = State(status=status, message=message, changed=190.0)
    run = Run(name="abc", folder=Path("/secret/abc"), job=job, state=state)
    return Told(run=run, step=step, preview=None, seconds=seconds, ahead=ahead, files={}, command="", viewer="")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (told("waiting", ahead=1), "Waiting for its turn: 1 run before it."),
        (told("waiting", ahead=2), "Waiting for its turn: 2 runs before it."),
        (told("running"), "Opening the encoder ..."),
        (told("running", step=0), "step 1 of 40"),
        (told("running", step=9, seconds=30.0), "step 10 of 40, 1 min 30 s left"),
        (told("done"), "Done in 1 min 30 s."),
        (told("done", message="There is no mesh."), "Done in 1 min 30 s. There is no mesh."),
        (told("stopped"), "Stopped."),
        (told("stopped", message="the server ended."), "Stopped: the server ended."),
        (told("failed", message="/secret/abc/x is broken."), "That did not work: x is broken."),
    ],
)
def test_each_state_is_a_line(given: Told, said: str) -> None:
    assert f"<p>{said}</p>" in how_far(given)


def test_a_bar_grows_with_the_steps() -> None:
    assert 'value="0.250"' in how_far(told("running", step=9)) and 'value="1.000"' in how_far(told("running", step=40))


def test_messages_do_not_say_where_files_lie() -> None:
    assert told_elsewhere(told("failed", message="a /secret/abc/b")) == "a b"


def test_the_mark_changes_with_what_is_to_be_shown() -> None:
    marks = {mark_of(told("running")), mark_of(told("running", step=3)), mark_of(told("done", step=3))}
    assert len(marks) == 3 and mark_of(told("running", step=3)) == mark_of(told("running", step=3, seconds=9.0))
