"""What a host's stock code would ignore, mix or fail at is refused, and what it can do is made: all hosts alike."""

from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.pipelines import INPAINTING_HOSTS, REFERENCE_HOSTS, RegionReference, region_arguments
from gencontrol.pipelines.references.encoding import check_references
from gencontrol.regions import Region
from gencontrol.regions.shapes import box_alpha

HALF = box_alpha((0, 0, 32, 64), (64, 64))
UNETS = ("sd15-ip", "sd15-ip-plus", "sdxl-ip", "sdxl-ip-vit-h", "sdxl-ip-plus", "kolors-ip-plus")
TOKENS = ("flux-redux", "flux-kontext", "flux2-klein", "flux2")
# What was found by running the stock calls: hosts that take a thing, all others do not.
CAN: dict[str, tuple[str, ...]] = {
    "canvas_mask": (*UNETS, *TOKENS),
    "schedule": (*UNETS, *TOKENS, "kandinsky-2.2"),
    "weight": (*UNETS, *TOKENS, "kandinsky-2.1", "kandinsky-2.2"),
    "several": (*UNETS, "flux-redux", "flux2-klein", "flux2", "flux-ip", "flux-ip-v2"),
    "rows": (*UNETS, "flux-redux", "kandinsky-2.1", "kandinsky-2.2", "karlo"),
    "text_embeds": ("kandinsky-2.1", "kandinsky-2.2"),
    "negative_mask_image": (*UNETS, "flux-ip", "flux-ip-v2", "sd35-ip", "kandinsky-2.1", "kandinsky-2.2"),
}
MESSAGES = {
    "canvas_mask": "canvas_mask: {name} has no way to keep a reference to a part of the canvas",
    "schedule": "schedule: {name} reads its condition once",
    "weight": "weight: {name} takes none with a call",
    "several": "{name} takes one reference for an output, got 2",
    "rows": "{name} mixes references given as rows of a batch: make one call for each output",
    "text_embeds": "text_embeds: the condition of {name} is mixed with no text",
    "negative_mask_image": "negative_mask_image: it would act on nothing of {name}",
}


def asked_of(thing: str, rgb: torch.Tensor) -> dict[str, Any]:
    if thing in ("several", "rows"):
        return {"references": [RegionReference(image=rgb)] * 2, "rows": thing == "rows"}
    values = {"canvas_mask": HALF, "schedule": "1:0", "weight": 0.5, "negative_mask_image": HALF}
    return {"image": rgb} | ({"text_embeds": torch.zeros(1, 48)} if thing == "text_embeds" else {thing: values[thing]})


@pytest.mark.parametrize("thing", CAN)
@pytest.mark.parametrize("name", REFERENCE_HOSTS)
def test_what_a_host_cannot_is_refused_and_what_it_can_is_made(
    name: str, thing: str, hosts: ModuleType, further_hosts: ModuleType
) -> None:
    host = REFERENCE_HOSTS[name]
    encoder: Any = None
    if host.takes != "picture":
        encoder = hosts.siglip_tower() if host.siglip else hosts.clip_tower()
        geometry = replace(host.geometry, size=hosts.SIZE)
        host = replace(host, width=hosts.EMBED if host.takes == "embedding" else hosts.WIDTH, geometry=geometry)
    if host.takes == "redux":
        encoder = further_hosts.redux_prior(hosts)
    asked: dict[str, Any] = {"height": 64, "width": 64} | asked_of(thing, hosts.picture(height=64, width=64))
    if name in CAN[thing]:
        plain: dict[str, Any] = {key: value for key, value in asked.items() if key not in (thing, "rows")}
        plain |= {"references": asked["references"][:1]} if "references" in asked else {}
        made, usual = region_arguments(host, encoder, **asked), region_arguments(host, encoder, **plain)
        assert _differ(made, usual)
    else:
        with pytest.raises(InputError, match=MESSAGES[thing].format(name=name.replace(".", r"\."))):
            region_arguments(host, encoder, **asked)


@pytest.mark.parametrize("schedule", ["0.5:0.5", "0:0", "0:0.3 1:0.3"])
@pytest.mark.parametrize("name", REFERENCE_HOSTS)
def test_a_schedule_that_stays_is_a_weight(name: str, schedule: str) -> None:
    """It was left out without a word where weights are refused."""
    reference = RegionReference(image=torch.zeros(3, 64, 64), schedule=schedule)
    plain = replace(reference, schedule="1:1")
    for one, is_weight in ((reference, True), (plain, False)):
        if is_weight and name not in CAN["weight"]:
            with pytest.raises(InputError, match=f"schedule: {name.replace('.', '[.]')} takes no weight with a call"):
                check_references(REFERENCE_HOSTS[name], [one], guided=True, rows=False)
        else:
            check_references(REFERENCE_HOSTS[name], [one], guided=True, rows=False)


@pytest.mark.parametrize("more", [{"weight": 0.5}, {"level": 0.5}])
def test_a_canvas_mask_has_no_weight_of_its_own(more: dict[str, Any], hosts: ModuleType) -> None:
    """It was left out without a word: the reference has one."""
    host = replace(REFERENCE_HOSTS["sd15-ip"], width=hosts.EMBED)
    with pytest.raises(InputError, match="canvas_mask: its weight and its level count for nothing"):
        region_arguments(
            host, hosts.clip_tower(), hosts.picture(), canvas_mask=Region(alpha=HALF, **more), height=64, width=64
        )


def _differ(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return not isinstance(other, dict) or one.keys() != other.keys() or any(_differ(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) != len(other) or any(_differ(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, torch.Tensor):
        return one.shape != other.shape or not torch.equal(one, other)
    return one is not other


@pytest.mark.parametrize("name", INPAINTING_HOSTS)
def test_a_host_for_holes_cannot_what_its_sibling_cannot(name: str) -> None:
    host, sibling = INPAINTING_HOSTS[name], REFERENCE_HOSTS["flux-redux" if name == "flux-fill" else name]
    placed = RegionReference(image=HALF[None].repeat(3, 1, 1), canvas_mask=HALF)
    for one in (host, sibling):
        if name in CAN["canvas_mask"] or name == "flux-fill":
            check_references(one, [placed], guided=True, rows=False)
        else:
            with pytest.raises(InputError, match="has no way to keep a reference to a part of the canvas"):
                check_references(one, [placed], guided=True, rows=False)


@pytest.mark.parametrize("name", REFERENCE_HOSTS)
def test_no_guidance_is_no_pair(name: str, hosts: ModuleType) -> None:
    """A pair without guidance is accepted by stock UNets, and mixed; Flux has its own argument for the negative."""
    host = REFERENCE_HOSTS[name]
    if host.takes in ("picture", "redux") or name == "karlo":
        return
    encoder = hosts.siglip_tower() if host.siglip else hosts.clip_tower()
    width = hosts.EMBED if host.takes == "embedding" else hosts.WIDTH
    small = replace(host, width=width, geometry=replace(host.geometry, size=hosts.SIZE))
    made = {guided: region_arguments(small, encoder, hosts.picture(), guided=guided) for guided in (True, False)}
    if name.startswith(("flux", "kandinsky")):
        assert not _differ(made[True], made[False])
        return
    pairs = {guided: one["ip_adapter_image_embeds"] for guided, one in made.items()}
    both, alone = ((pair[0] if isinstance(pair, list) else pair) for pair in (pairs[True], pairs[False]))
    assert len(both) == 2 and len(alone) == 1 and torch.equal(both[1:], alone)
