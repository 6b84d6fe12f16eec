"""Settings that cannot work are refused."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves, at import and in use.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "mode 'create' needs a prompt: give `prompt`"),
        ({"prompt": "x", "scene": Path("s")}, "`scene` is given, but the `mode` is 'create': choose edit"),
        ({"prompt": "x", "parts": Path("p.yaml")}, "^Give `prompt`, or a file of `parts`, not both"),
        ({"prompt": "x", "part": "hat", "parts": Path("p.yaml")}, "^Give `prompt` and `part`, or a file of `parts`"),
        ({"prompt": "x", "softness": 2.0}, r"`softness` must lie in \[0, 1\]"),
        ({"prompt": "x", "background": (255.0, 255.0, 255.0)}, "`background` takes red, green and blue from 0 to 1"),
        ({"prompt": "x", "samples": 1}, "`samples` must be at least 2; got 1"),
        ({"prompt": "x", "entropy_weight": "much"}, "`entropy_weight`: Cannot read the schedule 'much'"),
        ({"prompt": "x", "resolution": "0:2"}, "`resolution`: a lattice needs at least 4 nodes"),
        ({"prompt": "x", "resolution": "fine"}, "`resolution`: Cannot read the schedule 'fine'"),
        ({"prompt": "x", "transmittance_ceiling": "x"}, "`transmittance_ceiling`: Cannot read"),
        ({"mode": "remove", "free": True}, "'remove' without the highlight's bound would take everything away"),
        ({"prompt": "x", "mode": "replace", "free": True}, "'replace' without the highlight's bound"),
        ({"mode": "replace"}, "The mode 'replace' needs a prompt"),
        ({"prompt": "x", "part": "egg"}, "needs the scene that has it"),
        ({"prompt": "x", "ball_sharpness": 0.0}, "must be above 0; got 0.0, 30.0"),
        (
            {"prompt": "x", "mode": "edit", "symmetry": "mirror"},
            "'mirror' is for what grows anew.*'edit' starts from what",
        ),
        ({"prompt": "x", "skip_every": 0}, "`skip_every` must be at least 1; got 0"),
        ({"prompt": "x", "turntable_size": 0}, "`turntable_size` must be at least 1; got 0"),
        ({"prompt": "x", "resolution": "0:24 100:2"}, "at least 4 nodes a side; got 2 at step 100"),
        ({"prompt": "x", "box": (0.0, 0.0, 0.0, 1.0, 1.0, 1.0), "grow": 0.1}, "that is named .*give a larger `box`"),
        ({"prompt": "x", "mode": "replace", "stop_alpha_gradient": True}, "works by, which is the part's alpha"),
        ({"prompt": "x", "hash_resolution": 2}, "`hash_resolution` must be at least 4"),
        ({"prompt": " \n"}, "mode 'create' needs a prompt: give `prompt`"),
        ({"prompt": "x", "seed": -1}, "`seed` must be at least 0; got -1"),
        ({"prompt": "x", "ball_peak": float("nan")}, "`ball_peak` must be a number from -100 to 100; got nan"),
        ({"prompt": "x", "ball_sharpness": float("nan")}, "must be above 0; got nan, 30.0"),
        ({"prompt": "x", "contrast_scale": float("inf")}, "must be above 0; got 20.0, inf"),
        ({"prompt": "x", "softness": float("nan")}, r"`softness` must lie in \[0, 1\] world units; got nan"),
        ({"prompt": "x", "guidance_weight": "-0.3"}, "`guidance_weight` must be at least 0"),
        ({"prompt": "x", "turntable_frames": 10**9}, "`turntable_frames` must be at most 99999"),
        ({"prompt": "x", "sphere": (0.0, float("nan"), 0.0, 1.0)}, "`sphere`: expected finite numbers"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(make, settings: dict[str, Any], message: str) -> None:
    from gencontrol.errors import ConfigError

    with pytest.raises(ConfigError, match=message):
        make(**settings)
