"""A picture that was made comes back as it was."""

import json
from pathlib import Path
from typing import Any

import pytest

from gencontrol.errors import InputError
from gencontrol.studio.page.sessions import Session
from gencontrol.studio.page.studio import Studio
from gencontrol.studio.scene.recalling import may_be_recalled, recall

SCENE = json.dumps(
    [
        {"name": "left", "weight": 2, "marks": [{"tool": "brush", "points": [[3, 3], [30, 40]], "radius": 4.3}]},
        {"name": "right", "negative": True, "marks": [{"tool": "box", "points": [[40, 1], [60, 44]]}]},
    ]
)


def scene_of(regions: list[dict[str, Any]]) -> str:
    return json.dumps([{name: value for name, value in region.items() if name != "url"} for region in regions])


def test_a_recalled_picture_is_drawn_again_to_the_byte(studio: Studio, session: Session, values: Any) -> None:
    chosen = values(strength=1.5, guidance=2.5, seed="7", focus="blur", feather=1.5)
    list(studio.vary(session, SCENE, chosen))
    first = session.made[0].path
    said = studio.take_picture(session, first, plainly=False)
    found = studio.recalled(session)
    assert (found.strength, found.guidance, found.seed, found.number) == (1.5, 2.5, "7", 1)
    assert (found.focus, found.feather, found.steps) == ("blur", 1.5, 2)
    assert [(r["name"], r["weight"], r["negative"]) for r in said["regions"]] == [
        ("left", 2.0, False),
        ("right", 1.0, True),
    ]
    assert said["picture"]["name"] == "photo.png" and session.picture is not None
    again = [getattr(found, name) for name in type(found).__dataclass_fields__]
    list(studio.vary(session, scene_of(said["regions"]), again))
    assert session.made[1].path.read_bytes() == first.read_bytes()


def test_what_was_made_can_be_varied_itself(studio: Studio, session: Session, values: Any) -> None:
    list(studio.vary(session, "[]", values()))
    made = session.made[0].path
    assert may_be_recalled(made)
    said = studio.take_picture(session, made, plainly=True)
    assert "regions" not in said and said["picture"]["name"] == made.name


def test_the_picture_it_was_made_from_has_to_be_here(
    studio: Studio, session: Session, values: Any, tmp_path: Path, photo: Path
) -> None:
    list(studio.vary(session, "[]", values()))
    made, elsewhere = session.made[0].path, studio.sessions.open()
    assert studio.take_picture(elsewhere, made, plainly=False)["picture"]["name"] == "photo.png"
    strange = Studio(studio._pool, studio.sessions, models=["tiny"], private=False, offline=True)
    stranger = studio.sessions.open()
    with pytest.raises(InputError, match=r"was made from photo\.png, which is not here: drop that picture first"):
        strange.take_picture(stranger, made, plainly=False)
    strange.take_picture(stranger, photo, plainly=False)
    assert strange.take_picture(stranger, made, plainly=False)["regions"] == []


def test_another_file_at_its_place_is_not_it(studio: Studio, session: Session, values: Any, photo: Path) -> None:
    list(studio.vary(session, "[]", values()))
    photo.write_bytes(photo.read_bytes() + b"\0")
    with pytest.raises(InputError, match="which is not here"):
        studio.take_picture(studio.sessions.open(), session.made[0].path, plainly=False)


def test_a_picture_without_a_record_is_refused(photo: Path, tmp_path: Path) -> None:
    assert not may_be_recalled(photo)
    with pytest.raises(InputError, match=r"photo\.png holds no gencontrol record"):
        recall(photo, find=lambda print, was: None, folder=tmp_path)
