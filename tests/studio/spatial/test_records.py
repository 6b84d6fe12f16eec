"""What a run's folder says of it."""

from pathlib import Path

import pytest

from gencontrol.errors import InputError
from gencontrol.runs.radiance import CreationSettings, EditSettings
from gencontrol.studio.spatial.records import (
    JOB,
    STATE,
    Job,
    State,
    previews,
    read_job,
    read_state,
    write_job,
    write_state,
)


@pytest.mark.parametrize(
    "settings",
    [
        CreationSettings(prompt="cactus", steps=7, output=Path("out")),
        EditSettings(prompt="crown", scene=Path("a.safetensors"), box=(0.0, 0.5, 0.0, 1.0, 1.0, 1.0)),
    ],
)
def test_a_job_is_read_as_it_was_written(settings: CreationSettings, tmp_path: Path) -> None:
    job = Job(owner="ann", made=3.5, settings=settings)
    write_job(tmp_path, job)
    assert read_job(tmp_path) == job and type(read_job(tmp_path).settings) is type(settings)


def test_a_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    state = State(status="done", message="no mesh", result="outputs/a", changed=2.5)
    write_state(tmp_path, state)
    assert read_state(tmp_path) == state


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 200_000, '{"status": "odd"}', '{"owner": 3}', '{"new": 3}'])
def test_what_is_damaged_is_said_in_a_line(text: str, tmp_path: Path) -> None:
    for read in (read_job, read_state):
        with pytest.raises(InputError, match=r"is no run any more: its \w+.json cannot be read"):
            read(tmp_path)
    for name, read in ((JOB, read_job), (STATE, read_state)):
        (tmp_path / name).write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match="is no run"):
            read(tmp_path)


def test_previews_come_in_their_order_and_whole(tmp_path: Path) -> None:
    assert previews(tmp_path) == []
    folder = tmp_path / "outputs" / "cactus" / "alphaclip-nerf" / "now" / "previews"
    folder.mkdir(parents=True)
    for name in ("000100.png", "000020.png", ".000120-tmp.png", "a.png"):
        (folder / name).write_bytes(b"")
    assert previews(tmp_path) == [(20, folder / "000020.png"), (100, folder / "000100.png")]
