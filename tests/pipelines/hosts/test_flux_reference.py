"""Flux Kontext and FLUX.2 by their records and arguments alone; `test_flux_hosts.py` runs the stock calls."""

from dataclasses import replace
from types import ModuleType

from gencontrol.pipelines import REFERENCE_HOSTS, RegionReference, region_arguments


def test_kontexts_resolutions_are_the_stock_pipelines() -> None:
    from diffusers.pipelines.flux.pipeline_flux_kontext import PREFERRED_KONTEXT_RESOLUTIONS as stock

    assert {(height, width) for width, height in stock} == set(REFERENCE_HOSTS["flux-kontext"].resolutions)


def test_every_reference_is_handed_over_in_turn(hosts: ModuleType) -> None:
    first, second = (hosts.picture(seed, height=32, width=32 * (1 + seed)) for seed in range(2))
    references = [RegionReference(image=first), RegionReference(image=second, weight=0.5)]
    klein = replace(REFERENCE_HOSTS["flux2-klein"], least_side=1)
    made = region_arguments(klein, None, references=references, text_tokens=5, height=64, width=48)
    assert [picture.size for picture in made["image"]] == [(32, 32), (64, 32)]
    assert (made["height"], made["width"]) == (64, 48)
    bias = made["attention_kwargs"]["attention_mask"][0, 0, 0]
    # 5 words, 4 x 3 tokens of the canvas, 2 x 2 and 2 x 4 of the references, of which the second counts half.
    assert bias.shape == (5 + 12 + 4 + 8,)
    assert not bias[:21].any() and bool((bias[21:] < 0).all())
