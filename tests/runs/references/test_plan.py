"""Plans of runs with references: all is checked, and no weight loaded."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gencontrol.errors import CheckpointError, ConfigError, InputError, PairingError
from gencontrol.pipelines.stock.fitting import FittedHost
from gencontrol.pipelines.stock.wanted import Drawing
from gencontrol.runs.notices import RunWarning
from gencontrol.runs.references.bound import in_settings
from gencontrol.runs.references.plan import ReferencePlan, plan_references
from gencontrol.runs.references.settings import REFERENCE_RECORDED
from gencontrol.runs.referring.phrase_settings import PHRASED
from gencontrol.runs.settings import RECORDED, VariationSettings

Settings = Callable[..., VariationSettings]


@pytest.fixture(autouse=True)
def no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("open_fitted", "_open_base", "_open_encoder"):
        monkeypatch.setattr(f"gencontrol.pipelines.stock.opening.{name}", lambda *_, **__: pytest.fail("weights"))


def further(pictures: Path, **keys: Any) -> str:
    given = {"mask": pictures / "hat.png", "canvas": pictures / "left.png", **keys}
    return ",".join([str(pictures / "2.png"), *(f"{key}={value}" for key, value in given.items() if value is not None)])


def test_values_are_finished(settings: Settings, pictures: Path) -> None:
    given = settings(
        prompt="a cup",
        negative_prompt="a car",
        reference=(further(pictures, weight=0.6),),
        canvas_mask=str(pictures / "left.png"),
        weight=0.5,
        schedule="1:0",
        focus="crop",
        strength=0.7,
        height=64,
        width=64,
        seed="3,5",
        number=None,
        batch=2,
        scheduler="ddim",
        dtype="bfloat16",
        slicing=True,
        fit="squash",
        negative_mask=(str(pictures / "blue.png"),),
    )
    plan = plan_references(given)
    assert plan.name == "sd15-ip-plus" and plan.host.width == 64 and plan.host.geometry.fit == "squash"
    drawing = Drawing(prompt="a cup", negative_prompt="a car", steps=2, height=64, width=64, batch=2)
    assert plan.drawing == drawing and plan.seeds == (3, 5)
    assert (plan.sampler, plan.dtype, plan.slicing, plan.offload) == ("ddim", "bfloat16", True, "none")
    assert plan.scene is not None
    first, second = plan.references(plan.scene)
    assert (first.weight, first.schedule, first.strength, second.weight) == (0.5, "1:0", 0.7, 0.6)
    assert first.canvas_mask is not None and second.canvas_mask is not None and first.focus is not None
    assert [region.label for region in first.image.regions] == ["red"]
    assert [region.label for region in first.image.negative_regions] == ["blue"]
    (item,) = plan.items
    assert item.paths == (pictures / "out" / "photo-3.png", pictures / "out" / "photo-5.png")
    recorded = plan.recorded
    assert recorded is not None and recorded.keys() == RECORDED - PHRASED | REFERENCE_RECORDED
    assert (recorded["guidance"], recorded["weight"], recorded["prompt"]) == (7.5, 0.5, "a cup")
    assert plan_references(replace(given, metadata=False)).recorded is None


def test_a_text_through_a_prior(pictures: Path, reference_folder: Callable[[str], Path]) -> None:
    """The prior is a part as the others are, where a text needs it; its folder has the vision tower too."""
    folder = reference_folder("kandinsky-2.2")
    usual: dict[str, Any] = {"model": "kandinsky-2.2", "images": (str(pictures / "photo.png"),), "number": 1}
    usual |= {"base": str(folder / "base"), "prior": str(folder / "prior"), "output": str(pictures / "out")}

    def other(model: str) -> dict[str, Any]:
        return {"model": model}

    plan = plan_references(VariationSettings(**usual, prompt="a cup", text_share=0.4))
    assert plan.drawing.text_share == 0.4 and plan.fitted.sources.prior is not None
    record = plan.record(plan.scene) if plan.scene is not None else None
    assert record is not None and record["weights"].keys() == {"base", "image_encoder", "prior"}
    assert record["weights"]["prior"] and record["settings"]["text_share"] == 0.4
    with pytest.raises(ConfigError, match="`prior`: expected `prompt` beside it; a vision tower alone is"):
        plan_references(VariationSettings(**usual))
    with pytest.raises(InputError, match=r"`text_share`: expected 0 or more and at most 1, got 1\.4"):
        plan_references(VariationSettings(**usual, prompt="a cup", text_share=1.4))
    with pytest.raises(ConfigError, match="`prior`: expected `text_share` beside it"):
        plan_references(VariationSettings(**usual | other("kandinsky-2.1"), prompt="a cup"))
    with pytest.raises(PairingError, match=r"`prior`: the condition of sd15-ip-plus is mixed with no text"):
        plan_references(VariationSettings(**usual | other("sd15-ip-plus")))


def test_several_pictures(settings: Settings, pictures: Path) -> None:
    (pictures / "in").mkdir()
    for name in ("a", "b"):
        (pictures / "in" / f"{name}.png").write_bytes((pictures / "photo.png").read_bytes())
    plan = plan_references(settings(images=(str(pictures / "in"),)))
    assert [item.name for item in plan.items] == ["a", "b"] and plan.scene is None
    with pytest.raises(InputError, match=r"^`negative_prompt`: it acts through"):
        plan_references(settings(images=(str(pictures / "in"),), negative_prompt="x", guidance=1.0))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"model": "sd16"}, ConfigError, "Unknown reference host 'sd16'"),
        ({"embeds_out": "e"}, ConfigError, "`embeds_out`: a model that takes references, as sd15-ip-plus"),
        ({"batch": 0}, ConfigError, "`batch`: expected at least 1, got 0"),
        ({"scheduler": "dim"}, ConfigError, "`scheduler`: there is no 'dim'"),
        ({"focus": "gaze"}, ConfigError, "unknown focus 'gaze'"),
        ({"steps": 0}, (ConfigError, InputError), "`steps`"),
        ({"weight": 3.0}, InputError, "`weight`: expected a number from 0 to 2, got 3"),
        ({"schedule": "x"}, InputError, "`schedule`: Expected start:end"),
        ({"schedule": "nan:1"}, InputError, "`schedule`: start: expected a number from 0 to 2, got nan"),
        ({"focus": "zoom+crop"}, InputError, r"The focus 'zoom\+crop' makes one embedding"),
        ({"canvas_mask": "{pictures}/black.png"}, InputError, r"`canvas_mask`: .*black\.png: The region is empty"),
        ({"height": 32, "width": 100_000}, InputError, "`width`: expected .* at most"),
        ({"strength": 3.0}, InputError, "`strength`: expected"),
        ({"guidance": 1.0, "negative_prompt": "x"}, InputError, "`negative_prompt`: .* give `guidance` above 1"),
        ({"true_guidance": 2.0}, InputError, "`true_guidance`: sd15-ip-plus has one scale"),
        ({"width": 30}, InputError, "`width`: expected a multiple of 8 pixels, got 30"),
        (
            {"canvas_mask": "{pictures}/red.png"},
            InputError,
            "`canvas_mask`: 80 x 64 pixels are not of the output's shape",
        ),
        ({"images": ()}, ConfigError, "No picture is given"),
        ({"mask": (), "compare": True}, ConfigError, "`compare`: show a region to compare"),
        ({"reference": ("x.png",)}, InputError, "`reference`: No image file at x.png"),
        (
            {"reference": ("{pictures}/2.png,mask=a.png:0",)},
            ConfigError,
            r"2\.png: mask=a\.png:0: expected a weight",
        ),
        ({"reference": ("{pictures}/2.png,schedule=0:3",)}, InputError, r"2\.png: schedule: end: expected .* 0 to 2"),
        (
            {"reference": ("{pictures}/2.png,canvas={pictures}/black.png",)},
            InputError,
            r"canvas: .*black\.png: The",
        ),
        # What is wrong with the call is no reference's fault.
        ({"reference": ("{pictures}/2.png",), "width": 28}, InputError, "^`width`: expected a multiple of 8"),
        ({"reference": ("{pictures}/2.png,weight=3",)}, InputError, r"2\.png: weight: expected a number from 0 to 2"),
        (
            {"reference": ("{pictures}/2.png,canvas={pictures}/red.png",)},
            InputError,
            r"`reference` .*2\.png: canvas: 80 x 64 pixels are not of the output's shape",
        ),
        ({"adapter": "{pictures}/red.bin"}, CheckpointError, "`adapter` .*red.bin is a pickle"),
        ({"base": "{pictures}", "output": "{pictures}-results"}, CheckpointError, r"has no model_index\.json"),
        ({"output": "{pictures}/red.png", "existing": "overwrite"}, InputError, "is a mask, which is not written over"),
    ],
)
def test_refused(changes: dict[str, Any], error: Any, message: str, settings: Settings, pictures: Path) -> None:
    def filled(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(filled(entry) for entry in value)
        return value.replace("{pictures}", str(pictures)) if isinstance(value, str) else value

    if changes.get("model") == "sd16":
        with pytest.raises(error, match=message):
            plan_references(VariationSettings(model="sd16"))
        return
    Image.new("L", (32, 32)).save(pictures / "black.png")
    with pytest.raises(error, match=message):
        plan_references(settings(**{name: filled(value) for name, value in changes.items()}))


def test_what_is_read_is_not_written_over(settings: Settings, pictures: Path) -> None:
    text = further(pictures)
    for name in ("2.png", "hat.png", "left.png"):
        given = settings(reference=(text,), output=str(pictures / name), existing="overwrite")
        with pytest.raises(InputError, match=rf"{name} is .*, which is not written over"):
            plan_references(given)
    given = settings(canvas_mask=str(pictures / "left.png"), output=str(pictures / "left.png"), existing="overwrite")
    with pytest.raises(InputError, match=r"left\.png is the canvas mask, which is not written over"):
        plan_references(given)


def test_flux_has_no_sampler_that_can_be_exchanged(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="`scheduler`: flux-ip has no sampler that can be exchanged"):
        plan_references(settings(model="flux-ip", scheduler="ddim"))
    with pytest.raises(InputError, match=r"`prompt`: .*base was saved without text towers"):
        plan_references(settings(model="flux-ip"))
    monkeypatch.setattr(FittedHost, "reads_text", True)
    plan = plan_references(settings(model="flux-ip", true_guidance=2.0, weight=0.5))
    assert plan.drawing.true_guidance == 2.0 and plan.fitted.sampler is None


def test_what_cannot_be_sliced(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = plan_references(settings()).fitted
    without = replace(fitted, settings={name: v for name, v in fitted.settings.items() if name != "vae"})
    monkeypatch.setattr("gencontrol.runs.references.asked.fit_host", lambda *_, **__: without)
    with pytest.raises(ConfigError, match="`slicing`: sd15-ip-plus decodes in a way that cannot be sliced"):
        plan_references(settings(slicing=True))


def test_what_has_to_be_fetched_is_said_before_anything_is(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("gencontrol.models.location.is_hub_there", lambda: True)
    monkeypatch.setattr("gencontrol.runs.references.asked.fit_host", lambda *_, **__: pytest.fail("asked"))
    said = (
        r"flux-ip: not on this machine, so fetched: .*flux-ip-adapter/ip_adapter\.safetensors \(adapter, 982 MB, FLUX"
    )
    with pytest.raises(pytest.fail.Exception), pytest.warns(RunWarning, match=said):
        plan_references(settings(model="flux-ip", adapter=None))
    with pytest.raises(pytest.fail.Exception), pytest.warns(RunWarning, match="flux-ip: FLUX.1 .dev. is for non-comm"):
        plan_references(settings(model="flux-ip", adapter=None))


def test_a_hub_out_of_reach_is_one_line(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("gencontrol.models.location.is_hub_there", lambda: False)
    with pytest.raises(CheckpointError, match=r"needs h94/IP-Adapter \(adapter\): .* and the hub cannot be reached"):
        plan_references(settings(adapter=None))
    with pytest.raises(CheckpointError, match=r"needs h94/IP-Adapter \(adapter\): .* hub is not asked"):
        plan_references(settings(adapter=None, offline=True))


def test_names_of_arguments_are_names_of_settings() -> None:
    for text, expected in (
        ("weight: no", "`weight`: no"),
        ("negative_mask_image: no", "`negative_mask`: no"),
        ("num_inference_steps: no", "`steps`: no"),
        ("height and width: no", "`height` and `width`: no"),
        ("The weight: no", "The weight: no"),
    ):
        with pytest.raises(PairingError) as caught, in_settings():
            raise PairingError(text)
        assert str(caught.value) == expected


def test_pictures_of_hosts_that_take_them_are_not_fitted(settings: Settings) -> None:
    with pytest.raises(PairingError, match=r"is a StableDiffusionPipeline, not a FluxKontextPipeline"):
        plan_references(replace(settings(), model="flux-kontext", adapter=None, image_encoder=None, prompt="x"))


def test_a_plan_is_a_record(settings: Settings) -> None:
    assert isinstance(plan_references(settings()), ReferencePlan)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "`steps`: expected 1 or more"),
        ({"weight": float("nan")}, "`weight`: expected a number from 0 to 2, got nan"),
        ({"weight": 2.1}, "`weight`: expected a number from 0 to 2, got 2.1"),
        ({"guidance": float("inf")}, "`guidance`"),
        ({"true_guidance": float("nan")}, "`true_guidance`"),
        ({"height": 0}, "`height`: expected 8 or more pixels, got 0"),
        ({"width": 12}, "`width`: expected a multiple of 8 pixels, got 12"),
        ({"output": "photo.png"}, "photo.png"),
        ({"images": ("gone.png",)}, "gone.png"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_asked_for(
    change: dict[str, Any], message: str, settings: Settings, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gigabytes are fetched for a run that is right but for them."""
    asked = "gencontrol.runs.references.plan.ask_reference_host"
    monkeypatch.setattr(asked, lambda *_, **__: pytest.fail("the host was asked"))
    if "output" in change:
        change = {"output": str(pictures / "photo.png"), "existing": "overwrite"}
    with pytest.raises((ConfigError, InputError), match=message):
        plan_references(settings(**change))
