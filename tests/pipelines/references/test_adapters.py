"""A base and a plus adapter on one UNet, and two on Flux: each is given its own in one stock call."""

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.errors import InputError
from gencontrol.pipelines import REFERENCE_HOSTS, merged_arguments, region_arguments
from gencontrol.regions import Geometry
from gencontrol.regions.shapes import box_alpha

LEFT = box_alpha((0, 0, 16, 32), (32, 32))
SIZE: dict[str, Any] = {"height": 32, "width": 32}
Make = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def pipe(hosts: ModuleType) -> Any:
    """Stable Diffusion with a base adapter and a plus one, in this order."""
    made = hosts.sd15(plus=False)
    both = [hosts.adapter(made.unet, make()) for make in (hosts.base_projection, hosts.plus_projection)]
    made.load_ip_adapter(both, subfolder=["", ""], weight_name=["", ""], image_encoder_folder=None)
    return made


@pytest.fixture(scope="module")
def make(hosts: ModuleType, pipe: Any) -> Make:
    """Arguments of one of the two."""

    def of(name: str, picture: int = 0, **settings: Any) -> dict[str, Any]:
        known = REFERENCE_HOSTS[name]
        width = hosts.EMBED if known.takes == "embedding" else hosts.WIDTH
        host = replace(known, width=width, geometry=Geometry(size=hosts.SIZE), grid=2)
        return region_arguments(host, pipe.image_encoder, hosts.picture(picture), **SIZE | settings)

    return of


@pytest.fixture(scope="module")
def run(hosts: ModuleType, pipe: Any) -> Callable[..., Tensor]:
    """The stock call."""
    text = {"prompt_embeds": hosts.noise(1, 7, 32, seed=5), "negative_prompt_embeds": hosts.noise(1, 7, 32, seed=6)}

    def call(**arguments: Any) -> Tensor:
        settings = {"num_inference_steps": 3, "output_type": "latent", "guidance_scale": 3.0}
        return pipe(generator=torch.Generator().manual_seed(0), **text | settings | SIZE | arguments).images

    return call


def test_each_is_given_its_own(hosts: ModuleType, make: Make, run: Callable[..., Tensor]) -> None:
    """As stock code encodes the two pictures on the fly, to the bit; and with parts of them."""
    processor = AlphaCLIPProcessor(geometry=Geometry(size=hosts.SIZE))
    whole = torch.ones(1, hosts.SIZE, hosts.SIZE)
    shown = [processor(hosts.picture(i)[None], whole)[:, :3] for i in range(2)]
    merged = merged_arguments(make("sd15-ip"), make("sd15-ip-plus", 1))
    assert list(merged) == ["ip_adapter_image_embeds"]
    assert [tensor.ndim for tensor in merged["ip_adapter_image_embeds"]] == [3, 4]
    drawn = run(**merged)
    assert torch.equal(drawn, run(ip_adapter_image=shown))
    for first, second in (({"mask_image": LEFT}, {}), ({}, {"mask_image": LEFT})):
        part = run(**merged_arguments(make("sd15-ip", **first), make("sd15-ip-plus", 1, **second)))
        assert hosts.difference(part, drawn) > 1e-3


def test_weights_and_schedules_are_each_adapters_own(
    hosts: ModuleType, pipe: Any, make: Make, run: Callable[..., Tensor]
) -> None:
    plain = merged_arguments(make("sd15-ip"), make("sd15-ip-plus", 1))
    faint = merged_arguments(make("sd15-ip"), make("sd15-ip-plus", 1, weight=0.5))
    (none, masks) = faint["cross_attention_kwargs"]["ip_adapter_masks"]
    assert none is None and masks.shape == (1, 1, 16, 16)
    pipe.set_ip_adapter_scale([1.0, 0.5])
    by_scale = run(**plain)
    pipe.set_ip_adapter_scale([1.0, 1.0])
    assert torch.equal(run(**faint), by_scale) and hosts.difference(by_scale, run(**plain)) > 1e-3
    moving = merged_arguments(
        make("sd15-ip", schedule="0:1 0.5:0 1:0"), make("sd15-ip-plus", 1, schedule="0:1 0.5:0.5 1:0.5")
    )
    first = run(**moving)
    assert torch.equal(run(**moving), first)

    def by_hand(pipeline: Any, step: int, timestep: Any, tensors: Any) -> dict[str, Any]:
        pipeline.set_ip_adapter_scale([0.0, 0.5])
        return {}

    expected = run(**plain, callback_on_step_end=by_hand)
    pipe.set_ip_adapter_scale([1.0, 1.0])
    assert torch.equal(first, expected)


def test_two_on_flux(hosts: ModuleType) -> None:
    pipe = hosts.flux(with_adapter=True)
    both = [hosts.flux_adapter(pipe.transformer) for _ in range(2)]
    both[1]["ip_adapter"] = {key: -value for key, value in both[1]["ip_adapter"].items()}
    lists = {"subfolder": ["", ""], "weight_name": ["", ""]}
    pipe.unload_ip_adapter()
    pipe.load_ip_adapter(both, image_encoder_pretrained_model_name_or_path=None, **lists)
    host = replace(REFERENCE_HOSTS["flux-ip"], width=hosts.EMBED, geometry=Geometry(size=hosts.SIZE))
    tower = hosts.clip_tower(activation="quick_gelu")
    made = [region_arguments(host, tower, hosts.picture(seed)) for seed in range(2)]
    text = {"prompt_embeds": hosts.noise(1, 7, 32, seed=5), "pooled_prompt_embeds": hosts.noise(1, 32, seed=7)}
    steps = {"num_inference_steps": 2, "output_type": "latent", "height": 8, "width": 8}

    def run(arguments: dict[str, Any]) -> Tensor:
        return pipe(generator=torch.Generator().manual_seed(0), **text, **steps, **arguments).images

    by_hand = {key: [made[0][key][0], made[1][key][0]] for key in made[0]}
    drawn = run(merged_arguments(*made))
    assert torch.equal(drawn, run(by_hand))
    assert hosts.difference(drawn, run(merged_arguments(*reversed(made)))) > 1e-5


def test_what_has_no_place_beside_another(make: Make) -> None:
    base = make("sd15-ip")
    with pytest.raises(InputError, match="Expected the arguments of at least one adapter, got none"):
        merged_arguments()
    with pytest.raises(InputError, match=r"stand side by side in one call; got the arguments image_embeds, negative_"):
        merged_arguments(base, {"image_embeds": torch.zeros(1, 4), "negative_image_embeds": torch.zeros(1, 4)})
    with pytest.raises(InputError, match="got the arguments ip_adapter_image_embeds"):
        merged_arguments({"ip_adapter_image_embeds": torch.zeros(2, 5, 4)})
    flux = {name: [torch.zeros(2, 1, 4)] for name in ("ip_adapter_image_embeds", "negative_ip_adapter_image_embeds")}
    with pytest.raises(InputError, match="Expected adapters of one pipeline, got those of a UNet and of Flux"):
        merged_arguments(base, flux)
    with pytest.raises(InputError, match="guided: expected the same for every adapter of a call"):
        merged_arguments(base, make("sd15-ip-plus", guided=False))
