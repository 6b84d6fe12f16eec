"""One setting at several values: what may be swept, which values they are, and what is drawn."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gencontrol.errors import ConfigError, InputError
from gencontrol.regions.region import Region
from gencontrol.runs.files.records import read_record
from gencontrol.runs.files.repeat import read_repeated, settings_beneath, starting_point
from gencontrol.runs.plan import Plan, plan_variations
from gencontrol.runs.settings import VariationSettings
from gencontrol.runs.sweep import MOST_VALUES, SWEPT, read_sweep
from gencontrol.runs.variation import rehearse_variations, run_variations


def swept(sweep: str, **settings: Any) -> dict[str, Any]:
    """Label -> the setting that the sweep names, at each of its values."""
    name = sweep.partition("=")[0].replace("-", "_")
    name = "focus" if ":" in name else name
    found = read_sweep(VariationSettings(sweep=sweep, **settings))
    assert all(value.settings.sweep is None for value in found)
    return {value.label: getattr(value.settings, name) for value in found}


@pytest.mark.parametrize(
    ("sweep", "expected"),
    [
        ("strength=0:1.5:4", {"strength 0": 0.0, "strength 0.5": 0.5, "strength 1": 1.0, "strength 1.5": 1.5}),
        ("strength=1:0:3", {"strength 1": 1.0, "strength 0.5": 0.5, "strength 0": 0.0}),
        (
            "strength=0:1:4",
            {"strength 0": 0, "strength 0.333333": 0.333333, "strength 0.666667": 0.666667, "strength 1": 1},
        ),
        ("strength=0, 0.5,1", {"strength 0": 0.0, "strength 0.5": 0.5, "strength 1": 1.0}),
        ("steps=10:40:4", {"steps 10": 10, "steps 20": 20, "steps 30": 30, "steps 40": 40}),
        ("guidance=1,1e1", {"guidance 1": 1.0, "guidance 1e1": 10.0}),
        ("feather=0:8:2", {"feather 0": 0.0, "feather 8": 8.0}),
        ("threshold=0.2,0.9", {"threshold 0.2": 0.2, "threshold 0.9": 0.9}),
        ("fit=pad,squash", {"fit pad": "pad", "fit squash": "squash"}),
        ("scheduler=ddim,dpm++", {"scheduler ddim": "ddim", "scheduler dpm++": "dpm++"}),
        ("schedule=1:0,0:1@0.2:0.5", {"schedule 1:0": "1:0", "schedule 0:1@0.2:0.5": "0:1@0.2:0.5"}),
        ("invert=false,true", {"invert false": False, "invert true": True}),
        (
            "focus=alpha,crop:margin=0.4,masked=false,blur",
            {
                "focus alpha": "alpha",
                "focus crop:margin=0.4,masked=false": "crop:margin=0.4,masked=false",
                "focus blur": "blur",
            },
        ),
        (
            "zoom:closeness=0:1:3",
            {
                "zoom:closeness 0": "zoom:closeness=0",
                "zoom:closeness 0.5": "zoom:closeness=0.5",
                "zoom:closeness 1": "zoom:closeness=1",
            },
        ),
        (
            "zoom:outside=keep,blur",
            {"zoom:outside keep": "zoom:outside=keep", "zoom:outside blur": "zoom:outside=blur"},
        ),
    ],
)
def test_values(sweep: str, expected: dict[str, Any]) -> None:
    assert swept(sweep) == expected


def test_a_focus_keeps_its_other_settings() -> None:
    given = "zoom:margin=0.5,closeness=0.2"
    assert list(swept("zoom:closeness=0,1", focus=given).values()) == [
        "zoom:margin=0.5,closeness=0",
        "zoom:margin=0.5,closeness=1",
    ]
    assert list(swept("crop:margin=0,1", focus=given).values()) == ["crop:margin=0", "crop:margin=1"]


def test_of_a_sum_one_look_is_swept() -> None:
    given = "alpha + zoom:margin=0.5,closeness=0.2 + crop"
    assert list(swept("zoom:closeness=0,1", focus=given).values()) == [
        "alpha+zoom:margin=0.5,closeness=0+crop",
        "alpha+zoom:margin=0.5,closeness=1+crop",
    ]
    assert list(swept("blur:sigma=0,1", focus=given).values()) == ["blur:sigma=0", "blur:sigma=1"]
    assert list(swept("focus=alpha,zoom:margin=0.1,closeness=0+crop").values()) == [
        "alpha",
        "zoom:margin=0.1,closeness=0+crop",
    ]


def test_the_first_regions_level() -> None:
    two: dict[str, Any] = {"box": ("0,0,9,9", "20,20,30,30")}
    found = read_sweep(VariationSettings(sweep="level=0:1:3", **two))
    assert [value.settings.level for value in found] == [(0.0, 1.0), (0.5, 1.0), (1.0, 1.0)]
    assert [value.label for value in found] == ["level 0, share 0%", "level 0.5, share 33%", "level 1, share 50%"]
    assert [value.tag for value in found] == ["level-0", "level-0.5", "level-1"]
    found = read_sweep(VariationSettings(sweep="level=0.2,0.6", **two, point=("4,4",), level=(0.9, 0.2, 0.4)))
    assert [value.settings.level for value in found] == [(0.2, 0.2, 0.4), (0.6, 0.2, 0.4)]
    assert [value.label for value in found] == ["level 0.2, share 25%", "level 0.6, share 50%"]
    found = read_sweep(VariationSettings(sweep="level=0.2,1", mask=("m.png",), alpha_from_image=True))
    assert [value.settings.level for value in found] == [(0.2, 1.0), (1.0, 1.0)]


def test_levels_have_nothing_to_share_with() -> None:
    with pytest.raises(ConfigError, match="`sweep` level: the other regions have level 0"):
        read_sweep(VariationSettings(sweep="level=0,1", box=("0,0,9,9", "1,1,5,5"), level=(1.0, 0.0)))
    with pytest.raises(ConfigError, match="`sweep`: expected a number, got 'high'"):
        read_sweep(VariationSettings(sweep="level=high,1", box=("0,0,9,9", "1,1,5,5")))


def test_the_first_regions_weight() -> None:
    settings: dict[str, Any] = {"box": ("0,0,9,9", "20,20,30,30:3"), "point": ("4,4",)}
    found = read_sweep(VariationSettings(sweep="weight=0.5:2:2", **settings))
    assert [value.settings.box for value in found] == [
        ("0,0,9,9:0.5", "20,20,30,30:3"),
        ("0,0,9,9:2", "20,20,30,30:3"),
    ]
    assert [(value.label, value.tag) for value in found] == [("weight 0.5", "weight-0.5"), ("weight 2", "weight-2")]
    found = read_sweep(VariationSettings(sweep="weight=1,2", mask=("m.png:7",), alpha_from_image=True))
    assert [value.settings.mask for value in found] == [("m.png:1",), ("m.png:2",)]


def test_names_of_files_hold_letters_digits_and_points() -> None:
    tags = [value.tag for value in read_sweep(VariationSettings(sweep="focus=crop:margin=0.4,colour=#ff0000,blur"))]
    assert tags == ["focus-crop-margin-0.4-colour-ff0000", "focus-blur"]


def test_without_a_sweep_the_settings_are_as_they_are() -> None:
    settings = VariationSettings(strength=0.5)
    (only,) = read_sweep(settings)
    assert (only.label, only.tag, only.settings) == ("", "", settings)


def test_a_minus_sign_tells_values_apart() -> None:
    swept = read_sweep(VariationSettings(sweep="feather=1,-1"))
    assert [(value.tag, value.settings.feather) for value in swept] == [("feather-1", 1.0), ("feather--1", -1.0)]


def test_what_opens_another_model_is_not_swept() -> None:
    assert SWEPT == set("invert threshold feather focus fit strength schedule steps guidance scheduler".split())


FORM = "`sweep`: expected NAME=START:STOP:COUNT, such as strength=0:1.5:4, or NAME=VALUE,VALUE, got"


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ("strength", f"{FORM} 'strength'."),
        ("strength=", f"{FORM} 'strength='."),
        ("strength=0:1", f"{FORM} '0:1'."),
        ("strength=0:1:2:3", f"{FORM} '0:1:2:3'."),
        ("strength=0:1:x", f"{FORM} '0:1:x'."),
        ("strength=0:1:-3", f"{FORM} '0:1:-3'."),
        ("strength=0,,1", f"{FORM} '0,,1'."),
        ("strenght=0,1", "`sweep`: 'strenght' is no setting that can be swept; did you mean 'strength'?"),
        ("guidance-scale=1,2", "`sweep`: 'guidance_scale' is no setting that can be swept; did you mean 'guidance'?"),
        ("model=tiny,big", "`sweep`: 'model' is no setting that can be swept; known are attention:floor, "),
        ("zoom:=0,1", "`sweep`: 'zoom:' is no setting that can be swept; did you mean 'zoom:"),
        ("closeness=0:1:3", "`sweep`: 'closeness' is no setting that can be swept; did you mean 'zoom:closeness'?"),
        ("strength=0:1:1", "`sweep`: expected 2 or more values and at most 100, got 1."),
        ("strength=0:1:101", "`sweep`: expected 2 or more values and at most 100, got 101."),
        (f"strength=0:1:{'9' * 5000}", "`sweep`: expected 2 or more values and at most 100, got 999999999."),
        ("strength=0:nan:3", "`sweep`: expected a finite number, got nan."),
        ("strength=a:b:3", "`sweep`: expected a number, got 'a'."),
        ("strength=1", "`sweep`: expected at least two different values, got 1."),
        ("strength=1,2,1", "`sweep`: expected at least two different values, got 1,2,1."),
        (
            "strength=" + ",".join(str(i) for i in range(MOST_VALUES + 1)),
            "`sweep`: expected at most 100 values, got 101.",
        ),
        ("strength=0,abc", "`sweep`: strength: expected a number, got 'abc'."),
        ("steps=1:2:3", "`sweep`: steps: expected a whole number, got 1.5."),
        ("fit=pad,stretch", "`sweep`: fit: expected one of pad, squash, crop, published, got 'stretch'."),
        ("invert=maybe,true", "`sweep`: invert: expected true or false, got 'maybe'."),
        ("level=0,1", "`sweep` level: a level is a share beside other regions: show two with `mask`,"),
        ("weight=1,2", "`sweep` weight: weights are of one region beside others: show two with `mask`,"),
    ],
)
def test_sweeps_that_are_refused(sweep: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_sweep(VariationSettings(sweep=sweep, box=("0,0,9,9",)))
    assert message in str(refused.value)


def test_weights_are_numbers() -> None:
    with pytest.raises(ConfigError, match="`sweep`: expected a number, got 'heavy'"):
        read_sweep(VariationSettings(sweep="weight=heavy,2", box=("0,0,9,9", "1,1,5,5")))


def test_embeddings_are_of_one_run() -> None:
    with pytest.raises(ConfigError, match="`embeds_out` holds one run's embeddings, and `sweep` makes several"):
        read_sweep(VariationSettings(sweep="strength=0,1", embeds_out="e.safetensors"))
    read_sweep(VariationSettings(embeds_out="e.safetensors"))


@pytest.fixture
def usual(scene: Path, tiny_folder: Path) -> dict[str, Any]:
    """Settings of a short run on photo.png with its red mask."""
    given = {"images": (str(scene / "photo.png"),), "mask": (str(scene / "red.png"),), "output": str(scene / "out")}
    return given | {"model": str(tiny_folder), "steps": 1, "device": "cpu", "seed": "4,7"}


@pytest.fixture
def plan(usual: dict[str, Any]) -> Any:
    """Plans that run with other settings."""
    return lambda **settings: plan_variations(VariationSettings(**(usual | settings)))


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_rows_are_values_and_columns_are_seeds(plan: Any, usual: dict[str, Any], scene: Path) -> None:
    """The sheet shows the pictures that are written, and each is what a run of its own draws."""
    outcome = run_variations(plan(sweep="strength=0,1.5"))
    names = ["photo-strength-0-4.png", "photo-strength-0-7.png", "photo-strength-1.5-4.png", "photo-strength-1.5-7.png"]
    assert [output.path.name for output in outcome.outputs] == names
    assert [output.seed for output in outcome.outputs] == [4, 7, 4, 7]
    assert [(sheet.path.name, sheet.kind) for sheet in outcome.sheets] == [("photo-sweep.png", "sweep")]
    assert outcome.drawing_seconds > 0
    sheet = pixels(scene / "out" / "photo-sweep.png")
    cells = [pixels(scene / "out" / name) for name in names]
    height = (sheet.shape[0] - 8) // 2
    line = (height - 128 - 8) // 2
    for index, cell in enumerate(cells):
        top, left = 8 + index // 2 * height + line, 8 + index % 2 * (128 + 8)
        assert (sheet[top : top + 128, left : left + 128] == cell).all(), names[index]
        # What stands above a row, and below a picture.
        assert (sheet[top + 128 : top + 128 + line, left : left + 128] < 128).any()
    assert (sheet[8 : 8 + line] != sheet[8 + height : 8 + height + line]).any()
    assert np.abs(cells[0] - cells[2]).max() > 3
    alone = VariationSettings(**(usual | {"strength": 1.5, "seed": 7, "number": 1, "output": str(scene / "one.png")}))
    run_variations(plan_variations(alone))
    # A batch of another size may round differently by a level or two.
    assert np.abs(pixels(scene / "one.png") - cells[3]).max() <= 3


@pytest.mark.parametrize(
    "sweep",
    ["strength=0.3,1.2", "scheduler=euler,ddim", "feather=0,6", "zoom:closeness=0,1", "weight=1,4", "level=1,0.2"],
)
def test_each_picture_is_repeated_by_its_record(sweep: str, plan: Any, scene: Path, tiny_folder: Path) -> None:
    boxes = ("48,20,72,52",) if sweep.startswith(("weight", "level")) else ()
    outcome = run_variations(plan(sweep=sweep, box=boxes, seed=4, number=1))
    assert len(outcome.outputs) == 2
    first, second = (pixels(output.path) for output in outcome.outputs)
    assert np.abs(first - second).max() > 0
    for output in outcome.outputs:
        repeated = read_repeated(output.path)
        beneath = settings_beneath(repeated, frozenset({"output"}))
        given: dict[str, Any] = beneath | {"output": str(scene / "again.png"), "existing": "overwrite"}
        settings = VariationSettings(**given)
        run_variations(plan_variations(*starting_point(settings, repeated)))
        assert (pixels(scene / "again.png") == pixels(output.path)).all(), output.path.name
        assert "sweep" not in read_record(output.path)["settings"]


@pytest.mark.parametrize("name", ["level", "weight"])
def test_a_sweep_does_not_jump_where_regions_are_equal(name: str, plan: Any, scene: Path) -> None:
    two: dict[str, Any] = {"box": ("2,2,20,20",), "seed": 4, "number": 1, "focus": "crop"}
    outcome = run_variations(plan(sweep=f"{name}=0.9999,1", **two))
    near, equal = (pixels(output.path) for output in outcome.outputs)
    run_variations(plan(output=str(scene / "union.png"), **two))
    jump = (pixels(scene / "union.png") != equal).mean()
    assert jump > 0.05 and (near != equal).mean() < jump / 20


def test_the_hosts_own_sampler_comes_back(plan: Any, scene: Path) -> None:
    """Several pictures: the second one's first value is drawn as the first one's."""
    (scene / "more").mkdir()
    for name in ("a", "b"):
        (scene / "more" / f"{name}.png").write_bytes((scene / "photo.png").read_bytes())
    made = plan(sweep="steps=1,2", images=(str(scene / "more"),), scheduler="euler", seed=4, number=1)
    assert made.sampler is None and [at.sampler for at in made.swept] == ["euler", "euler"]
    run_variations(made)
    for value in (1, 2):
        first, second = (pixels(scene / "out" / f"{name}-steps-{value}-4.png") for name in ("a", "b"))
        assert (first == second).all()
    assert {sheet.name for sheet in (scene / "out").glob("*-sweep.png")} == {"a-sweep.png", "b-sweep.png"}


def test_a_single_picture_is_read_once_unless_its_regions_are_swept(plan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from gencontrol.runs import scenes

    read: list[Path] = []
    plain = scenes.read_scene
    monkeypatch.setattr(scenes, "read_scene", lambda path, pointing: read.append(path) or plain(path, pointing))
    made: Plan = plan(sweep="strength=0:1:3")
    assert len(read) == 1 and len({id(at.scene) for at in made.swept}) == 1 and made.swept[0].scene is not None
    read.clear()
    made = plan(sweep="feather=0:4:3")
    assert len(read) == 3
    # Large photographs are not kept once for each value.
    assert [at.scene is None for at in made.swept] == [False, True, True]
    assert [at.pointing.feather for at in made.swept] == [0.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ("strength=0:3:4", "^`sweep` strength 3: `strength`: expected .* got 3"),
        ("guidance=1,2000", "^`sweep` guidance 2000: `guidance`"),
        ("steps=1,0", "^`sweep` steps 0: `steps`: expected at least 1, got 0"),
        ("steps=1,1001", "^`sweep` steps 1001: `steps`: "),
        ("feather=0,-2", "^`sweep` feather -2: `feather`: expected 0 or more pixels, got -2"),
        ("threshold=0.5,2", "^`sweep` threshold 2: `threshold`: expected a value above 0 and at most 1, got 2"),
        ("scheduler=ddim,eular", "`scheduler`: there is no 'eular'; did you mean 'euler'"),
        ("focus=alpha,zom", "unknown focus 'zom'; did you mean 'zoom'"),
        ("zoom:closenes=0,1", "unknown key 'closenes'; did you mean 'closeness'"),
        ("zoom:closeness=0,2", "closeness: expected 0"),
        ("schedule=1:0,9:1", "`schedule`"),
    ],
)
def test_a_values_own_error_comes_before_anything_is_drawn(plan: Any, sweep: str, message: str, scene: Path) -> None:
    with pytest.raises((ConfigError, InputError), match=message):
        plan(sweep=sweep)
    assert not (scene / "out").exists()


def test_another_settings_error_is_its_own(plan: Any) -> None:
    with pytest.raises(ConfigError, match=r"^`feather`: expected 0 or more"):
        plan(sweep="strength=0,1", feather=-1.0)


def test_a_strength_is_swept_or_scheduled(plan: Any) -> None:
    with pytest.raises(ConfigError, match="Give either `strength` or `schedule`"):
        plan(sweep="strength=0,1.5", schedule="1:0")


def test_a_file_as_output_numbers_its_values(plan: Any, scene: Path) -> None:
    (item,) = plan(sweep="feather=0,2", output=str(scene / "one.webp"), seed=3, number=1).items
    assert [path.name for path in item.paths] == ["one-feather-0.webp", "one-feather-2.webp"]
    assert item.sheets == {"sweep": scene / "one-sweep.png"}
    (item,) = plan(sweep="feather=0,2", output=str(scene / "one.webp")).items
    assert [path.name for path in item.paths][:2] == ["one-feather-0-4.webp", "one-feather-0-7.webp"]


def test_other_sheets_are_one_for_each_value(plan: Any, scene: Path) -> None:
    made = plan(sweep="strength=0,1", compare=True, grid=True, preview=True, number=1, seed=4)
    outcome = run_variations(made)
    kinds = [f"strength-{value}-{kind}" for value in (0, 1) for kind in ("grid", "compare", "preview")]
    names = {f"photo-{kind}.png" for kind in ["sweep", *kinds]}
    assert {sheet.path.name for sheet in outcome.sheets} == names
    assert names <= {path.name for path in (scene / "out").iterdir()}


def test_a_rehearsal_lists_them_all(plan: Any, scene: Path) -> None:
    outcome = rehearse_variations(plan(sweep="feather=0,6", preview=True))
    assert len(outcome.outputs) == 4
    assert [sheet.path.name for sheet in outcome.sheets] == [
        "photo-sweep.png",
        "photo-feather-0-preview.png",
        "photo-feather-6-preview.png",
    ]
    first, second = (pixels(scene / "out" / f"photo-feather-{value}-preview.png") for value in (0, 6))
    assert (first != second).any()
    assert len(list((scene / "out").iterdir())) == 2


def test_what_is_complete_is_skipped_as_a_whole(plan: Any, scene: Path) -> None:
    settings = {"sweep": "strength=0,1", "seed": 4, "number": 1}
    run_variations(plan(**settings))
    with pytest.raises(InputError, match=r"photo-strength-0-4\.png and 2 more exist already"):
        plan(**settings)
    assert plan(existing="skip", **settings).items == ()
    kept = (scene / "out" / "photo-strength-1-4.png").stat().st_mtime_ns
    (scene / "out" / "photo-strength-0-4.png").unlink()
    outcome = run_variations(plan(existing="skip", **settings))
    assert [output.path.name for output in outcome.outputs] == ["photo-strength-0-4.png"]
    assert (scene / "out" / "photo-strength-1-4.png").stat().st_mtime_ns == kept


def test_a_drawn_seed_is_one_for_all_values(plan: Any) -> None:
    made = plan(sweep="strength=0,1", seed="random", number=2)
    assert len({at.sampling.seeds for at in made.swept}) == 1


def test_rows_of_embeddings_are_swept_too(plan: Any, scene: Path) -> None:
    run_variations(plan(embeds_out=str(scene / "e.safetensors"), number=None))
    start: dict[str, Any] = {
        "images": (),
        "mask": (),
        "embeds_in": str(scene / "e.safetensors"),
        "seed": 4,
        "number": 1,
    }
    outcome = run_variations(plan(sweep="guidance=1,9", output=str(scene / "rows"), **start))
    first, second = (pixels(output.path) for output in outcome.outputs)
    assert np.abs(first - second).max() > 3
    with pytest.raises(ConfigError, match="`embeds_in` starts from finished embeddings"):
        plan(sweep="strength=0,1.5", **start)


def test_recorded_regions_are_swept_through(plan: Any, usual: dict[str, Any], scene: Path) -> None:
    import torch

    from gencontrol.runs.files.repeat import Repeated

    region = Region(alpha=torch.ones(64, 80))
    repeated = Repeated(
        source=scene / "photo.png", settings={}, image=None, embeds=None, regions=(region,), negative_regions=()
    )
    made = plan_variations(VariationSettings(**(usual | {"mask": (), "sweep": "feather=0,3"})), repeated)
    assert [at.pointing.recorded for at in made.swept] == [(region,), (region,)]
