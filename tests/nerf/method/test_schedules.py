"""Settings that change over a run: weights by name, and the lattice's resolution, held between its points."""

import pytest

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves when they are imported.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_every_weight_and_ceiling_has_its_schedule() -> None:
    from gencontrol.nerf.method.config import SteeredModelConfig
    from gencontrol.nerf.method.schedules import schedules_of
    from gencontrol.schedules import as_schedule, value_at

    config = SteeredModelConfig(guidance_weight="0:1 10:3", removal_weight="7", replace_ceiling="0:0.1 hold")
    found = schedules_of(config)
    written = {name for name in vars(config) if name.endswith(("_weight", "_ceiling"))}
    assert {f"{name}_weight" if not name.endswith("_ceiling") else name for name in found} == written
    assert value_at(found["guidance"], 5) == 2 and value_at(found["removal"], 99) == 7
    assert found["replace_ceiling"] == as_schedule("0:0.1 hold")
    assert found["transmittance_ceiling"] == as_schedule(config.transmittance_ceiling)
    assert found["fit_colour_variation"] != found["colour_variation"]


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 24), (99, 24), (100, 32), (150, 32), (199, 32), (200, 40), (100_000, 40)]
)
def test_the_resolution_is_held_between_its_points(step: int, expected: int) -> None:
    from gencontrol.nerf.method.config import SteeredModelConfig
    from gencontrol.nerf.method.schedules import resolution_at

    assert resolution_at(SteeredModelConfig(), step) == expected
    late = SteeredModelConfig(resolution="50:8 60:16 linear")
    assert (resolution_at(late, 0), resolution_at(late, 55), resolution_at(late, 60)) == (8, 8, 16)


def test_four_nodes_are_the_fewest() -> None:
    from gencontrol.errors import ConfigError
    from gencontrol.nerf.method.config import SteeredModelConfig
    from gencontrol.nerf.method.schedules import resolution_at

    assert resolution_at(SteeredModelConfig(resolution="4"), 0) == 4
    with pytest.raises(ConfigError, match="at least 4 nodes a side; got 3 at step 9"):
        resolution_at(SteeredModelConfig(resolution="3"), 9)


def test_weights_are_not_below_0() -> None:
    from gencontrol.errors import ConfigError
    from gencontrol.nerf.method.config import SteeredModelConfig
    from gencontrol.nerf.method.schedules import schedules_of

    with pytest.raises(ConfigError, match=r"`entropy_weight` must be at least 0, .* got 0:0.5 9:-0.1"):
        schedules_of(SteeredModelConfig(entropy_weight="0:0.5 9:-0.1"))
    schedules_of(SteeredModelConfig(entropy_weight="0"))


def test_a_lattice_has_at_most_512_nodes_a_side() -> None:
    from gencontrol.errors import ConfigError
    from gencontrol.nerf.method.config import SteeredModelConfig
    from gencontrol.nerf.method.schedules import resolution_at

    assert resolution_at(SteeredModelConfig(resolution="0:512"), 0) == 512
    with pytest.raises(ConfigError, match="at most 512 nodes a side; got 513 at step 7"):
        resolution_at(SteeredModelConfig(resolution="0:513"), 7)
