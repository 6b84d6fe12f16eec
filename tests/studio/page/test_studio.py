"""What happens on the page: looks, runs, questions, and who sees what."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gencontrol.errors import ConfigError, GencontrolError, InputError
from gencontrol.studio.page import sessions
from gencontrol.studio.page.sessions import Session, Sessions
from gencontrol.studio.page.studio import Studio
from gencontrol.studio.scene.asking import AMONG

LEFT = json.dumps([{"name": "left", "marks": [{"tool": "box", "points": [[0, 0], [32, 48]]}]}])
RIGHT = json.dumps([{"name": "right", "marks": [{"tool": "box", "points": [[32, 0], [64, 48]]}]}])


def shown(path: Path) -> Any:
    with Image.open(path) as image:
        return image.convert("RGB").copy()


def test_what_the_encoder_sees_follows_what_is_drawn(studio: Studio, session: Session, values: Any) -> None:
    seen = {}
    for name, scene in (("left", LEFT), ("right", RIGHT), ("whole", "[]")):
        path, notices = studio.look(session, scene, values(focus="crop"))
        seen[name] = shown(path).getpixel((shown(path).width // 2, shown(path).height // 2))
        assert notices == []
    assert seen["left"][0] > 150 > seen["left"][2] and seen["right"][2] > 150 > seen["right"][0]


def test_a_region_that_cannot_be_looked_at_is_said_and_hints_are_handed_on(
    studio: Studio, session: Session, values: Any
) -> None:
    outside = json.dumps([{"name": "x", "marks": [{"tool": "point", "points": [[2, 2]], "radius": 1}]}])
    with pytest.raises(InputError, match="outside the centre crop"):
        studio.look(session, outside, values(fit="crop", focus="attention"))
    everything = json.dumps([{"name": "x", "marks": [{"tool": "box", "points": [[0, 0], [64, 48]]}]}])
    _, notices = studio.look(session, everything, values(focus="crop"))
    assert len(notices) == 1 and "The mask marks the whole picture" in notices[0]


def test_without_a_picture_nothing_can_be_asked_for(studio: Studio, values: Any) -> None:
    empty = studio.sessions.open()
    with pytest.raises(InputError, match="There is no picture yet"):
        studio.describe(empty, LEFT, values(), "what is it?")
    for act in (studio.look, studio.vary):
        with pytest.raises(InputError, match="There is no picture yet"):
            list(act(empty, LEFT, values()))
    with pytest.raises(InputError, match="Give a picture first"):
        studio.take_mask(empty, Path("m.png"))


def test_runs_fill_the_gallery_and_stop_when_they_are_told(studio: Studio, session: Session, values: Any) -> None:
    told = [at.message["kind"] for at in studio.vary(session, LEFT, values(number=2, compare=True))]
    assert told[0] == "planned" and told[-1] == "done"
    assert [made.label for made in session.made] == ["seed 0", "seed 1"]
    assert all(made.path.is_relative_to(session.folder) for made in session.made)
    session.cancelled.set()
    studio._pool.run = lambda job, cancelled: iter([{"kind": "error", "type": "Stopped", "message": "stopped."}])  # pyright: ignore
    try:
        with pytest.raises(GencontrolError, match="stopped"):
            list(studio.vary(session, LEFT, values()))
    finally:
        del studio._pool.run
    assert not session.cancelled.is_set() and len(session.made) == 2


def test_errors_of_a_run_are_told_in_labels(studio: Studio, session: Session, values: Any) -> None:
    with pytest.raises(GencontrolError, match="Sampler: there is no 'x'"):
        list(studio.vary(session, LEFT, values(scheduler="x")))
    with pytest.raises(GencontrolError, match="Sweep: 'x' is no setting"):
        list(studio.vary(session, LEFT, values(sweep="x=1,2")))


def test_questions_are_answered_for_each_region(studio: Studio, session: Session, values: Any) -> None:
    (row,) = studio.ask(session, LEFT, values(), ["a cat", "a dog"])
    assert row["region"] == "left" and sum(row["shares"]) == pytest.approx(1)
    with pytest.raises(GencontrolError, match="No text is given"):
        studio.ask(session, LEFT, values(), [])


def test_visitors_who_gave_a_password_may_not_name_files_of_the_machine(
    pool: Any, tmp_path: Path, photo: Path, tiny_folder: Path, values: Any
) -> None:
    public = Studio(pool, Sessions(tmp_path / "v", keeps=False), models=[str(tiny_folder)], private=False, offline=True)
    visit = public.sessions.open()
    public.take_picture(visit, photo, plainly=False)
    path, notices = public.look(visit, LEFT, values())
    assert path.is_file() and not notices
    for wrong in ({"model": "/etc"}, {"alpha_clip": str(tiny_folder / "alpha_clip")}):
        with pytest.raises(ConfigError, match=r"Model|`model`: expected one of"):
            public.look(visit, LEFT, values(**wrong))


def test_a_mask_becomes_a_region(studio: Studio, session: Session, values: Any, mask: Path) -> None:
    said = studio.take_mask(session, mask)
    assert said["name"] == "left" and said["notices"] == [] and said["url"].endswith(f"{said['mask']}.png")
    scene = json.dumps([{"name": "left", "mask": said["mask"]}])
    assert shown(studio.look(session, scene, values(focus="crop"))[0]).getpixel((9, 190))[0] > 150


def test_a_visit_ends_with_its_files_and_its_run(studio: Studio, session: Session) -> None:
    assert session.folder.is_dir() and studio.sessions.names() == [session.name]
    studio.sessions.close(session.name)
    assert session.cancelled.is_set() and not session.folder.exists() and studio.sessions.names() == []
    studio.sessions.close(session.name)
    with pytest.raises(InputError, match="load it again"):
        studio.sessions.find(session.name)


def test_files_go_once_the_last_that_writes_them_is_through(studio: Studio, session: Session) -> None:
    with session.used():
        with session.used():
            studio.sessions.close(session.name)
            assert session.cancelled.is_set()
        assert session.folder.is_dir()
    assert not session.folder.exists()
    with pytest.raises(InputError, match="This page has been closed: load it again"), session.used():
        raise AssertionError
    assert not session.folder.exists()


def test_files_of_a_closed_page_go_when_its_run_has_ended(studio: Studio, session: Session, values: Any) -> None:
    run = studio.vary(session, LEFT, values(number=2))
    next(run)
    studio.sessions.close(session.name)
    assert session.folder.is_dir()
    run.close()
    assert not session.folder.exists()
    with pytest.raises(InputError, match="has been closed"):
        next(studio.vary(session, LEFT, values()))


def test_what_was_made_is_kept_where_that_was_asked_for(tmp_path: Path, session: Session) -> None:
    keeping = Sessions(tmp_path / "kept", keeps=True)
    one, other = keeping.open(), keeping.open()
    one.made.append(None)  # pyright: ignore[reportArgumentType]
    for visit in (one, other):
        keeping.close(visit.name)
    assert one.folder.is_dir() and not other.folder.exists()


def test_visits_and_files_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST_SESSIONS", 1)
    monkeypatch.setattr(sessions, "MOST_FILES", 1)
    there = Sessions(tmp_path / "v", keeps=False)
    visit = there.open()
    with pytest.raises(InputError, match="1 pages are open by now"):
        there.open()
    assert visit.place("../a.png") == visit.folder / "sent" / "1" / "a.png"
    with pytest.raises(InputError, match="More than 1 files"):
        visit.place("b.png")
    assert len(visit.name) >= 24 and visit.next_run() != visit.next_run()


def test_what_is_found_is_a_region_of_the_page(studio: Studio, session: Session, values: Any) -> None:
    jobs = []

    def run(job: Any, cancelled: Any = None) -> Any:
        jobs.append(job)
        Image.new("L", (64, 48), 255).save(job["mask"])
        return iter([{"kind": "warning", "message": "`phrase` is there."}, {"kind": "done", "mask": job["mask"]}])

    studio._pool.run = run  # pyright: ignore
    how: Any = {"among": AMONG[0], "grounder": "g"}
    try:
        said = studio.find(session, LEFT, values(), "the ../ball", **how)
        assert (said["name"], said["notices"]) == ("the ../ball", ["What to find is there."])
        assert session.masks[said["mask"]] == Path(jobs[0]["mask"]) and said["url"].endswith(f"{said['mask']}.png")
        assert Path(jobs[0]["mask"]).is_relative_to(session.folder) and Path(jobs[0]["mask"]).name == "ball.png"
        assert jobs[0]["settings"]["phrase"] == ["the ../ball"] and jobs[0]["settings"]["grounder"] == "g"
        studio._pool.run = lambda job, cancelled=None: iter([{"kind": "error", "message": "`grounder`: none."}])  # pyright: ignore
        with pytest.raises(GencontrolError, match="Grounder: none"):
            studio.find(session, LEFT, values(), "the ball", **how)
    finally:
        del studio._pool.run
    with pytest.raises(ConfigError, match="`among`: expected one of"):
        studio.find(session, LEFT, values(), "the ball", among="x", grounder="")
    studio.private = False
    with pytest.raises(ConfigError, match="`grounder`: expected none"):
        studio.find(session, LEFT, values(), "the ball", **how)
