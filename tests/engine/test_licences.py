"""What a model's card says."""

from pathlib import Path

import pytest

from gencontrol.engine.licences import UNSTATED, licence_of
from gencontrol.models.location import Location


def test_a_preset_has_its_own() -> None:
    assert licence_of(Location(name="tiny")) == "CC-BY-4.0"


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlicense: apache-2.0\ntags: [a]\n---\n# Model\n", "apache-2.0"),
        ("---\nlicense: other\nlicense_name: sam-licence\n---\n", "sam-licence"),
        ("---\nlicense: other\n---\n", "other"),
        ("---\ntags: [a]\n---\n", UNSTATED),
        ("---\n- a\n---\n", UNSTATED),
        ("---\nlicense: [\n---\n", UNSTATED),
        ("---\nlicense: mit\n", UNSTATED),
        ("license: mit\n", UNSTATED),
        ("", UNSTATED),
    ],
)
def test_the_head_of_a_card(tmp_path: Path, card: str, licence: str) -> None:
    (tmp_path / "README.md").write_text(card)
    assert licence_of(Location(name=str(tmp_path))) == licence
    (tmp_path / "inside").mkdir()
    assert licence_of(Location(name=str(tmp_path), subfolder="inside")) == licence
    (tmp_path / "inside" / "README.md").write_text("---\nlicense: bsd\n---\n")
    assert licence_of(Location(name=str(tmp_path), subfolder="inside")) == "bsd"


def test_no_card(tmp_path: Path) -> None:
    assert licence_of(Location(name=str(tmp_path))) == UNSTATED
    (tmp_path / "weights.pth").write_bytes(b"x")
    assert licence_of(Location(name=str(tmp_path / "weights.pth"))) == UNSTATED
    assert licence_of(Location(name="nobody/nothing", local_files_only=True)) == UNSTATED


def test_a_hub_out_of_reach_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(*_: object, local_files_only: bool, **__: object) -> None:
        assert local_files_only, "the hub's client would try for half a minute"

    monkeypatch.setattr("gencontrol.models.location.is_hub_there", lambda: False)
    monkeypatch.setattr("gencontrol.models.location.cached_file", found)
    assert licence_of(Location(name="owner/model")) == UNSTATED


def test_no_more_of_a_card_is_read_than_a_head_takes(tmp_path: Path) -> None:
    said = "license: mit\n---\n"
    for length, licence in ((2**16, "mit"), (2**16 + 2, UNSTATED)):
        (tmp_path / "README.md").write_text(f"---\n#{'x' * (length - len(said) - 6)}\n{said}")
        assert licence_of(Location(name=str(tmp_path))) == licence
