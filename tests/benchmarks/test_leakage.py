"""The leakage benchmark: distances, and that each way of looking is what its row says."""

import json
from pathlib import Path
from types import ModuleType

import pytest
import torch

from benchmarks.leakage import (
    LOOKS,
    Drift,
    Row,
    Settings,
    drift_table,
    drifts,
    main,
    measure,
    pictures,
    relative,
    soft_parts,
    sprite_parts,
    table,
)
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.focus import ZoomFocus
from gencontrol.sprites.store import SpriteStore


def test_distances_are_relative_and_of_each_picture() -> None:
    one = torch.tensor([[[3.0, 4.0]], [[0.0, 1.0]]])
    other = torch.tensor([[[3.0, 4.0]], [[1.0, 1.0]]])
    assert relative(one, other) == pytest.approx(0.5)
    assert relative(other, one) == pytest.approx(0.5 / 2**0.5)


def test_pictures_are_colours_of_their_seed() -> None:
    one = pictures(2, 16, seed=0)
    assert one.shape == (2, 3, 16, 16) and 0 <= one.min() and one.max() <= 1
    assert torch.equal(one, pictures(2, 16, seed=0)) and not torch.equal(one, pictures(2, 16, seed=1))


def test_rows_of_a_tower_without_alpha_weights(tiny: ModuleType) -> None:
    """Its alpha row is its plain one; the class row leaves patches alone before they can read the class token."""
    encoder = AlphaCLIP.from_clip(tiny.vision_tower(channels=3)).eval()
    rows = {row.name: row for row in measure(encoder, Settings(pairs=4))}
    plain, alpha, every = rows["plain"], rows["alpha"], rows["attention:rows=all"]
    assert (plain.inside, plain.class_token) == (alpha.inside, alpha.class_token) and plain.from_plain == 0
    assert rows["attention:rows=class"].inside == plain.inside
    assert every.inside < 0.1 * plain.inside < rows["unrelated"].inside and every.from_plain > 0


def test_what_is_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    text = table([Row(name="plain", inside=0.4424, class_token=0.25, from_plain=0.0)])
    assert text.splitlines()[1].split() == ["plain", "0.442", "0.250", "0.000"]
    rows, moved = main(Settings(pairs=2, json=tmp_path / "rows.json"))
    first, second = capsys.readouterr().out.strip().split("\n\n")
    assert first.startswith("inside") and len(rows) == 5
    assert second.startswith("1 - cosine") and len(second.splitlines()) == 1 + len(moved) == len(LOOKS) + 3
    told = json.loads((tmp_path / "rows.json").read_text())
    assert told["tokens"][3]["name"] == "attention:rows=all" and told["embeddings"][0]["name"] == "whole picture"
    assert "pictures" not in told


def test_the_part_stays_and_the_rest_is_another() -> None:
    parts = soft_parts(2, 16, seed=3)
    neighbour, ground = parts.changed("neighbour"), parts.changed("ground")
    for made in (neighbour, ground):
        assert torch.equal(made[..., 4:12, 4:12], parts.rgb[..., 4:12, 4:12])
    assert torch.equal(neighbour[..., 4:12, 12:], parts.others[..., 4:12, 12:])
    assert torch.equal(neighbour[..., :4, :], parts.rgb[..., :4, :])
    assert torch.equal(ground[..., :4, :], parts.others[..., :4, :])
    assert torch.equal(ground[..., 4:12, 12:], parts.rgb[..., 4:12, 12:])


def test_sprites_are_told_from_what_is_around_them(sprite_store: SpriteStore) -> None:
    parts = sprite_parts(sprite_store, 3, 32, seed=1)
    assert parts.rgb.shape == (3, 3, 32, 32) and (parts.part <= parts.things).all()
    inside, ground = parts.part == 1, parts.things == 0
    assert inside.any() and ground.any()
    for what in ("neighbour", "ground"):
        made = parts.changed(what).movedim(1, -1)
        assert torch.equal(made[inside], parts.rgb.movedim(1, -1)[inside])
        expected = parts.rgb if what == "neighbour" else parts.others
        assert torch.equal(made[ground], expected.movedim(1, -1)[ground])
    assert torch.equal(parts.others[1], parts.rgb[0])


def test_what_is_painted_over_or_cut_away_does_not_drift(tiny: ModuleType) -> None:
    encoder = AlphaCLIP.from_clip(tiny.alpha_clip_model()).requires_grad_(False)
    rows = {row.name: row for row in drifts(encoder, soft_parts(4, 64, seed=0))}
    assert list(rows) == ["whole picture", *LOOKS, "unrelated"]
    for name in ("blank", "crop", "zoom:outside=blank"):
        assert abs(rows[name].neighbour) < 1e-6 and abs(rows[name].ground) < 1e-6
    whole = rows["whole picture"]
    assert 0 < whole.neighbour < whole.ground < rows["unrelated"].ground
    assert 0 < rows["alpha+zoom"].ground and 0 < rows["mask-inversion"].ground


def test_a_drift_is_one_less_the_cosine(tiny: ModuleType) -> None:
    encoder, parts = AlphaCLIP.from_clip(tiny.alpha_clip_model()).requires_grad_(False), soft_parts(3, 64, seed=1)
    (_, row, _) = drifts(encoder, parts, ["zoom:margin=0.5"])
    one, other = (ZoomFocus(margin=0.5).embed(encoder, rgb, parts.part) for rgb in (parts.rgb, parts.changed("ground")))
    assert row.ground == pytest.approx(1 - torch.cosine_similarity(one, other).mean().item(), abs=1e-5)
    text = drift_table([Drift(name="zoom", neighbour=0.1234, ground=0.5)])
    assert text.splitlines()[1].split() == ["zoom", "0.123", "0.500"]


def test_pictures_are_compared_in_the_place_of_their_embeddings(tiny: ModuleType) -> None:
    encoder, parts = AlphaCLIP.from_clip(tiny.alpha_clip_model()).requires_grad_(False), soft_parts(3, 64, seed=1)
    given = []

    def draw(embeds: torch.Tensor) -> torch.Tensor:
        """A picture as bright as its number in the list of batches."""
        given.append(embeds)
        return torch.full((3, 3, 4, 4), float(len(given)))

    whole, blank, unrelated = drifts(encoder, parts, ["blank"], drawn=draw)
    # As it is, with another neighbour, on another ground: the second and the third are 1 and 2 from the first.
    assert (whole.neighbour, whole.ground, blank.neighbour, blank.ground) == (1, 2, 1, 2)
    assert len(given) == 8 and unrelated.ground == 1
    torch.testing.assert_close(given[3], given[5])
    half = iter([torch.zeros(3, 3, 4, 4), torch.eye(4).expand(3, 3, 4, 4), torch.ones(3, 3, 4, 4)] * 3)
    assert drifts(encoder, parts, [], drawn=lambda embeds: next(half))[0].neighbour == pytest.approx(0.5)


def test_the_command_draws_where_it_is_asked_to(model: Path, tmp_path: Path, capsys) -> None:
    main(Settings(model=str(model), pairs=2, drawn=True, steps=1, json=tmp_path / "rows.json"))
    shown = capsys.readouterr().out.strip().split("\n\n")[2].splitlines()
    assert shown[0].startswith("difference of pictures") and len(shown) == len(LOOKS) + 3
    told = json.loads((tmp_path / "rows.json").read_text())["pictures"]
    assert told[-1]["name"] == "unrelated" and told[-1]["ground"] > 0
