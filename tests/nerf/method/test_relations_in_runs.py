"""Parts that are asked to stand somewhere, in runs: what is refused before the first step, and what comes of it."""

from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("nerfstudio")
pytestmark = pytest.mark.filterwarnings("ignore")

# The place of the egg, from the ground's top up.
PLACE = (0.6, -0.1, -0.1, 0.5, 0.5, 0.9)


def emptiness(model: Any) -> float:
    """How much of the way up through the place lets light through, at the densest spot of each of its layers."""
    z = torch.linspace(-0.5, 0.3, 9)
    x, y = torch.meshgrid(torch.linspace(0.4, 0.8, 9), torch.linspace(-0.3, 0.1, 9), indexing="xy")
    layers = [torch.stack([x, y, torch.full_like(x, h)], dim=-1).reshape(-1, 3) for h in z.tolist()]
    with torch.no_grad():
        return sum((-0.3 * model._field_at(layer)[0].max()).exp().item() for layer in layers) / len(layers)


def test_a_part_that_is_asked_to_stand_leaves_less_of_a_gap(
    make, scene_file: Path, manager: Any, attributes: Any, train: Any
) -> None:
    found, histories = {}, {}
    for weight in ("0", "30"):
        settings = {"prompt": "red cat", "mode": "replace", "scene": scene_file, "box": PLACE, "resolution": "0:16"}
        model = make(**settings, relations=("red cat on ground",), relation_weight=weight, ball_peak=-4.0)
        model.begin_training()
        data = manager()
        histories[weight] = train(model, data, attributes(model, data), range(12))
        found[weight] = emptiness(model)
    # A dozen steps begin to fill it; pushed the other way it would be emptier than without.
    assert found["30"] < found["0"] - 0.03, found
    assert "relation_part_on_ground" not in histories["0"][0]
    first, *_, last = (row["relation_part_on_ground"] for row in histories["30"])
    assert last < 0.7 * first, (first, last)


def test_a_parts_name_is_looked_up_before_the_first_step(make, scene_file: Path) -> None:
    from gencontrol.errors import ConfigError, InputError

    settings = {"prompt": "red cat", "mode": "replace", "scene": scene_file, "box": PLACE}
    with pytest.raises(InputError, match=r"there is no part 'grund'; did you mean 'ground'\?"):
        make(**settings, relations=("part on grund",)).begin_training()
    with pytest.raises(ConfigError, match="'ball on ground' is about two parts that stay as they are"):
        make(**settings, relations=("ball on ground",)).begin_training()
    with pytest.raises(InputError, match=r"cannot read 'cat on ground'|there is no part 'cat'"):
        make(**{key: settings[key] for key in ("prompt",)}, relations=("cat on ground",)).begin_training()


@pytest.mark.parametrize("mode", ["remove", "recolour", "fit"])
def test_modes_that_move_nothing_take_no_relations(mode: str) -> None:
    from gencontrol.errors import ConfigError
    from gencontrol.nerf.checks.check_settings import check_settings
    from gencontrol.nerf.method.entry import model_config

    settings = {"prompt": "cat", "mode": mode, "relations": ("part on ground",)}
    source = {} if mode == "fit" else {"scene": Path("scene.safetensors")}
    with pytest.raises(ConfigError, match=rf"`relations` place what changes its shape .*; the mode '{mode}' moves"):
        check_settings(model_config(**settings, **source))
    check_settings(model_config(**settings | {"relations": ()}, **source))
    changing = {"mode": "edit", "scene": Path("scene.safetensors")}
    check_settings(model_config(**settings | changing))


def test_the_short_way_hands_relations_on_and_calls_the_setting_by_its_flag(tmp_path: Path) -> None:
    from gencontrol.cli.nerf import EditFlags, in_own_flags
    from gencontrol.runs.radiance import CreationSettings, training_config

    asked = ("hat on ball", "hat left of box")
    settings = CreationSettings(prompt="hat", relation=asked, output=tmp_path)
    assert training_config(settings).pipeline.model.relations == asked
    assert training_config(CreationSettings(prompt="hat", output=tmp_path)).pipeline.model.relations == ()
    assert in_own_flags("`relations`: no part", EditFlags).startswith("--relation: ")
