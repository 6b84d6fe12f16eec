"""Every public call with arguments that it takes, and values of every wrong kind to put in their place."""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast, SiglipConfig, SiglipModel

import gencontrol
import gencontrol.pipelines as pipelines
from gencontrol import AlphaCLIP, Region, alpha_clip, conditioning, images, regions
from gencontrol.models.location import Location
from gencontrol.tasks import classify, levels, refer

PACKAGES = (gencontrol, regions, images, alpha_clip, conditioning, pipelines)
"""Whose re-exported names are tried."""
ELSEWHERE = frozenset(
    # They hold what was made by others of these, or are values and warnings.
    "ARCHITECTURES ALPHA_MEAN ALPHA_STD HOSTS REFERENCE_HOSTS ImageSource RegionWarning PictureWarning "
    "ApproximateWarning Host ReferenceHost OpenedHost RegionEmbeds AlphaCLIPProcessor Location "
    # An opened host of references is tried by its own tests.
    "RegionImageEmbed draw_references unload_adapter save_pipeline "
    "StableUnCLIPImg2ImgPipeline without_reference".split()
)
"""Names that have no arguments of a person's."""


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A call that works."""

    call: Callable[..., Any]
    """The function."""
    takes: Mapping[str, Any]
    """Its arguments."""
    keeps: Mapping[str, Any] = field(default_factory=dict)
    """Further ones, which stay: nothing is asked of a hub."""
    is_slow: bool = False
    """Whether it takes more than some milliseconds where nothing is wrong: then only what is wrong is tried."""


HERE: Mapping[str, Any] = {"local_files_only": True}
PLAIN = (
    None,
    True,
    0,
    1,
    -3,
    1.5,
    float("nan"),
    "",
    "x",
    "3",
    b"x",
    10**30,
    (),
    (1,),
    (1, 2, 3),
    ("a", "b"),
    {},
    {1: 2},
)
MADE = (
    lambda: object(),
    lambda: [],
    lambda: [None],
    lambda: ["a"],
    lambda: len,
    lambda: Region,
    lambda: Path("nowhere"),
    lambda: Image.new("RGB", (4, 4)),
    lambda: np.ones((40, 56), np.float32),
    lambda: np.ones(3),
    lambda: np.int64(2),
    lambda: np.float32("nan"),
    lambda: np.bool_(True),
    lambda: torch.ones(40, 56),
    lambda: torch.ones(3),
    lambda: torch.tensor(1),
    lambda: torch.ones(1, 3, 40, 56, dtype=torch.float64),
    lambda: torch.ones(40, 56, dtype=torch.int32),
    lambda: regions.whole((40, 56)),
    lambda: [regions.whole((40, 56))],
    lambda: regions.Geometry(size=64),
)
"""What most arguments cannot be; the latter are made anew each time."""


def wrong(chance: random.Random) -> Any:
    """One of them."""
    index = chance.randrange(len(PLAIN) + len(MADE))
    return PLAIN[index] if index < len(PLAIN) else MADE[index - len(PLAIN)]()


def every() -> Iterator[Any]:
    """All of them."""
    yield from PLAIN
    yield from (make() for make in MADE)


def calls(encoder: AlphaCLIP, pipeline: Any, folder: Path, files: Path) -> dict[str, Tried]:
    """Name -> call, for every public name, and the methods of those that are classes.

    Args:
        encoder: Of the folder's.
        pipeline: The folder, opened.
        folder: A saved host.
        files: A folder to write in.
    """
    return _pointing() | _pictures(files) | _encoding(encoder, folder, files) | _hosts(encoder, pipeline, folder, files)


def _alpha() -> torch.Tensor:
    alpha = torch.zeros(40, 56)
    alpha[10:20, 10:30] = 1
    return alpha


def _region() -> Region:
    return Region(alpha=_alpha())


def _picture() -> images.Picture:
    return images.Picture(rgb=torch.rand(3, 40, 56, generator=torch.Generator().manual_seed(0)))


def _pointing() -> dict[str, Tried]:
    size, geometry = (40, 56), regions.Geometry(size=64)
    of_alpha = {name: Tried(call=getattr(regions, name), takes={"alpha": _alpha()}) for name in ("invert", "threshold")}
    round_about = {
        name: Tried(call=getattr(regions, name), takes={"alpha": _alpha(), "radius": 2})
        for name in ("grow", "shrink", "feather")
    }
    of_maps = {
        name: Tried(call=lambda a, b, name=name: getattr(regions, name)(a, b), takes={"a": _alpha(), "b": _alpha()})
        for name in ("union", "intersection", "difference")
    }
    of_regions = {
        name: Tried(call=getattr(regions, name), takes={"regions": [_region()]})
        for name in ("level_map", "level_shares", "stack_alphas", "union_of")
    }
    seen = {
        name: Tried(call=getattr(regions, name), takes={"alpha": _alpha(), "geometry": geometry})
        for name in ("check_seen", "seen_share")
    }
    shape: dict[str, Any] = {"size": size, "weight": 1.0, "label": "it"}
    classes = torch.ones(40, 56, dtype=torch.uint8)
    return {
        **of_alpha,
        **round_about,
        **of_maps,
        **of_regions,
        **seen,
        "from_box": Tried(call=regions.from_box, takes={"box": (1, 2, 30, 20), "relative": False, **shape}),
        "from_points": Tried(call=regions.from_points, takes={"points": [(5, 5)], "radius": 2.0, **shape}),
        "from_stroke": Tried(call=regions.from_stroke, takes={"points": [(5, 5), (9, 9)], "width": 3, **shape}),
        "from_polygon": Tried(call=regions.from_polygon, takes={"points": [(1, 1), (20, 1), (9, 20)], **shape}),
        "whole": Tried(call=regions.whole, takes=shape),
        "from_mask": Tried(
            call=regions.from_mask, takes={"source": _alpha(), "threshold": 0.5, "resize": False, **shape}
        ),
        "from_image_alpha": Tried(
            call=regions.from_image_alpha, takes={"picture": torch.rand(4, 9, 9), "weight": 1.0, "label": ""}
        ),
        "from_index_mask": Tried(
            call=regions.from_index_mask, takes={"mask": classes, "colour_or_index": 1, "resize": False, **shape}
        ),
        "from_level_mask": Tried(
            call=regions.from_level_mask, takes={"mask": classes, "levels": {1: 0.5}, "size": size, "resize": False}
        ),
        "lost_context": Tried(call=regions.lost_context, takes={"picture": _picture()}),
        "fit_planes": Tried(
            call=regions.fit_planes, takes={"planes": torch.ones(3, 40, 56), "geometry": geometry, "fill": 0.0}
        ),
        "Geometry": Tried(
            call=regions.Geometry, takes={"size": 64, "fit": "pad", "antialias": True, "interpolation": "bicubic"}
        ),
        "Region": Tried(call=Region, takes={"alpha": _alpha(), "weight": 1.0, "level": 1.0, "label": ""}),
        "Scene": Tried(
            call=regions.Scene,
            takes={"picture": _picture(), "regions": (_region(),), "negative_regions": (), "source": None},
        ),
    }


def _pictures(files: Path) -> dict[str, Tried]:
    pil = Image.new("RGB", (8, 8))
    return {
        "Picture": Tried(call=images.Picture, takes={"rgb": torch.ones(3, 9, 9), "alpha": torch.ones(9, 9)}),
        "check_unit_range": Tried(call=images.check_unit_range, takes={"values": torch.ones(9), "name": "it"}),
        "read_image": Tried(call=images.read_image, takes={"source": pil, "profiled": True}),
        "open_image": Tried(call=images.open_image, takes={"source": pil}),
        "save_image": Tried(call=images.save_image, takes={"image": pil, "path": files / "a.png"}),
        "to_pil": Tried(call=images.to_pil, takes={"picture": _picture(), "alpha": _alpha()}),
    }


def _siglip() -> alpha_clip.AlphaSigLIP:
    """Small, with both towers, and a tokenizer of one word."""
    tower = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {"vocab_size": 8, "max_position_embeddings": 4, "projection_size": 16, "bos_token_id": 1, "eos_token_id": 2}
    config = SiglipConfig(
        vision_config={"image_size": 32, "patch_size": 16, **tower}, text_config={"pad_token_id": 0, **text, **tower}
    )
    words = Tokenizer(models.WordLevel({"<pad>": 0, "<unknown>": 1, "cat": 2}, unk_token="<unknown>"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", unk_token="<unknown>")
    return alpha_clip.AlphaSigLIP.from_siglip(SiglipModel(config).eval(), tokenizer=tokenizer)


def _siglip_calls(files: Path) -> dict[str, Tried]:
    encoder, looks = _siglip(), {"image": torch.rand(3, 40, 56), "alpha": _alpha()}
    kind, own = alpha_clip.AlphaSigLIP, files / "siglip"
    encoder.save_pretrained(own)
    where = {"revision": None, "subfolder": "", "dtype": None}
    return {
        "AlphaSigLIP": Tried(call=kind, takes={"vision": encoder.vision, "processor": encoder.processor}),
        "AlphaSigLIP.preprocess": Tried(call=encoder.preprocess, takes=looks),
        "AlphaSigLIP.encode_image": Tried(call=encoder.encode_image, takes={**looks, "normalize": False}),
        "AlphaSigLIP.encode_text": Tried(call=encoder.encode_text, takes={"text": ["cat"], "normalize": False}),
        "AlphaSigLIP.encode_pixels": Tried(
            call=encoder.encode_pixels, takes={"pixel_values": torch.rand(1, 4, 32, 32)}
        ),
        "AlphaSigLIP.save_pretrained": Tried(call=encoder.save_pretrained, takes={"folder": files / "s"}, is_slow=True),
        "AlphaSigLIP.from_pretrained": Tried(
            call=kind.from_pretrained, keeps=HERE, takes={"name_or_path": str(own), **where}, is_slow=True
        ),
        "AlphaSigLIP.from_siglip": Tried(
            call=kind.from_siglip, keeps=HERE, takes={"siglip": str(own), **where}, is_slow=True
        ),
    }


def _encoding(encoder: AlphaCLIP, folder: Path, files: Path) -> dict[str, Tried]:
    looks: dict[str, Any] = {"image": torch.rand(3, 40, 56), "alpha": _alpha()}
    geometry, own = regions.Geometry(size=64), str(folder / "alpha_clip")
    embeds = {"embeds": torch.rand(2, 8), "weights": torch.ones(2)}
    where = {"revision": None, "subfolder": "", "dtype": None}
    return {
        "AlphaCLIP": Tried(call=AlphaCLIP, takes={"vision": encoder.vision, "processor": encoder.processor}),
        "AlphaCLIP.preprocess": Tried(call=encoder.preprocess, takes=looks),
        "AlphaCLIP.encode_image": Tried(call=encoder.encode_image, takes={**looks, "normalize": False}),
        "AlphaCLIP.encode_regions": Tried(
            call=encoder.encode_regions,
            takes={
                "image": looks["image"],
                "alphas": torch.stack([_alpha(), _alpha()]),
                "approximate": True,
                "normalize": False,
            },
        ),
        "AlphaCLIP.encode_text": Tried(call=encoder.encode_text, takes={"text": ["cat"], "truncate": True}),
        "AlphaCLIP.similarity": Tried(call=encoder.similarity, takes={**looks, "text": ["cat"]}),
        "AlphaCLIP.patch_tokens": Tried(call=encoder.patch_tokens, takes={**looks, "layer": -1}),
        "AlphaCLIP.attention_maps": Tried(call=encoder.attention_maps, takes={**looks, "layer": -1}),
        "AlphaCLIP.encode_pixels": Tried(
            call=encoder.encode_pixels, takes={"pixel_values": torch.rand(1, 4, 64, 64), "attention_bias": None}
        ),
        "AlphaCLIP.with_geometry": Tried(call=encoder.with_geometry, takes={"geometry": geometry}),
        "AlphaCLIP.save_pretrained": Tried(call=encoder.save_pretrained, takes={"folder": files / "e"}, is_slow=True),
        "AlphaCLIP.save_published": Tried(call=encoder.save_published, takes={"path": files / "a.pth"}, is_slow=True),
        "AlphaCLIP.save_open_clip": Tried(call=encoder.save_open_clip, takes={"folder": files / "o"}, is_slow=True),
        "AlphaCLIP.from_pretrained": Tried(
            call=AlphaCLIP.from_pretrained, keeps=HERE, takes={"name_or_path": own, **where}, is_slow=True
        ),
        "AlphaCLIP.from_clip": Tried(
            call=AlphaCLIP.from_clip, keeps=HERE, takes={"clip": own, "share": False, **where}, is_slow=True
        ),
        "AlphaCLIP.from_published": Tried(
            call=AlphaCLIP.from_published,
            keeps=HERE,
            takes={"checkpoint": files / "none.pth", "base": None, "dtype": None},
        ),
        "AlphaCLIP.from_open_clip": Tried(
            call=AlphaCLIP.from_open_clip,
            keeps=HERE,
            takes={"model": "ViT-B-32", "pretrained": "none", "dtype": None},
            is_slow=True,
        ),
        "AlphaCLIP.from_config": Tried(
            call=AlphaCLIP.from_config, takes={"vision": encoder.vision.config, "processor": None}, is_slow=True
        ),
        **_siglip_calls(files),
        "alpha_parameters": Tried(call=alpha_clip.alpha_parameters, takes={"vision": encoder.vision}, is_slow=True),
        "merged": Tried(call=alpha_clip.merged, takes={"module": encoder.vision}, is_slow=True),
        "split_alpha": Tried(call=alpha_clip.split_alpha, takes={"vision": encoder.vision}, is_slow=True),
        "choose_focus": Tried(call=conditioning.choose_focus, takes={"focus": None, "has_alpha": True}),
        "weighted_mean": Tried(call=conditioning.weighted_mean, takes=embeds),
        "embed_regions": Tried(
            call=conditioning.embed_regions,
            takes={
                "encoder": encoder,
                "geometry": geometry,
                "image": _picture(),
                "regions": [_region()],
                "focus": None,
                "negative_regions": [],
                "strength": 1.0,
            },
        ),
        "StrengthSchedule": Tried(
            call=conditioning.StrengthSchedule,
            takes={"start": 1.0, "end": 0.5, "begin": 0.0, "until": 1.0, "through": (), "curve": "linear"},
        ),
        "classify": Tried(
            call=classify.classify,
            takes={
                "encoder": encoder,
                "scene": regions.Scene(picture=_picture(), regions=(_region(),)),
                "texts": ["cat", "dog"],
                "focus": None,
            },
        ),
        "classify_levels": Tried(
            call=levels.classify_levels,
            takes={
                "encoder": encoder,
                "scene": regions.Scene(picture=_picture(), regions=(_region(),)),
                "texts": ["cat", "dog"],
                "levels": None,
                "focus": None,
            },
        ),
        "refer": Tried(
            call=refer.refer,
            takes={
                "encoder": encoder,
                "scene": regions.Scene(picture=_picture(), regions=(_region(),)),
                "text": "a cat",
                "focus": None,
            },
        ),
        "swept": Tried(call=levels.swept, takes={"levels": [1.0, 0.5], "region": 0}),
    }


def _hosts(encoder: AlphaCLIP, pipeline: Any, folder: Path, files: Path) -> dict[str, Tried]:
    picture, host = Image.new("RGB", (56, 40)), pipeline.host
    adapter = replace(pipelines.REFERENCE_HOSTS["sd15-ip"], width=encoder.embed_dim)
    reference: dict[str, Any] = {
        "image": picture,
        "mask_image": _alpha(),
        "negative_mask_image": None,
        "focus": None,
        "strength": 1.0,
        "weight": 1.0,
        "canvas_mask": None,
        "schedule": "1:0.3",
    }
    drawn: dict[str, Any] = {
        "image": picture,
        "height": None,
        "width": None,
        "num_inference_steps": 1,
        "guidance_scale": 1.0,
        "num_images_per_prompt": 1,
        "eta": 0.0,
        "generator": None,
        "latents": None,
        "output_type": "latent",
        "mask_image": _alpha(),
        "negative_mask_image": None,
        "focus": None,
        "fit": None,
        "strength": 1.0,
        "image_embeds": None,
        "negative_image_embeds": None,
    }
    opened = {"base": None, "adapter": None, "image_encoder": None, "alpha_clip": None, "revision": None}
    opened |= {"prior": None, "with_prior": False}
    return {
        "StableDiffusionImageVariationPipeline": Tried(call=pipeline, takes=drawn, is_slow=True),
        "RegionPipeline.encode_regions": Tried(
            call=pipeline.encode_regions,
            takes={
                "image": picture,
                "mask_image": _alpha(),
                "negative_mask_image": None,
                "focus": None,
                "fit": None,
                "strength": 1.0,
            },
        ),
        "region_embeds": Tried(
            call=pipelines.region_embeds,
            takes={
                "host": host,
                "encoder": encoder,
                "image": picture,
                "regions": [_region()],
                "focus": None,
                "negative_regions": [],
                "strength": 1.0,
                "geometry": None,
                "device": None,
            },
        ),
        "open_pipeline": Tried(
            call=pipelines.open_pipeline,
            takes={"name_or_path": folder, "alpha_clip": "auto"},
            keeps=HERE,
            is_slow=True,
        ),
        "check_pairing": Tried(
            call=pipelines.check_pairing, takes={"model": Location(name=str(folder)), "alpha_clip": None}
        ),
        "open_reference_host": Tried(
            call=pipelines.open_reference_host,
            keeps=HERE,
            takes={"name": "sd15-ip-plus", "dtype": torch.float32, "device": "cpu", **opened},
        ),
        "region_arguments": Tried(
            call=pipelines.region_arguments,
            takes={"host": adapter, "encoder": encoder, "references": (), "height": 64, "width": 64, **reference},
        ),
        "merged_arguments": Tried(
            is_slow=True, call=lambda a, b: pipelines.merged_arguments(a, b), takes={"a": {"x": 1}, "b": {"y": 2}}
        ),
        "RegionReference": Tried(call=pipelines.RegionReference, takes=reference),
        "Drawing": Tried(
            call=pipelines.Drawing,
            takes={"prompt": "a", "negative_prompt": None, "steps": 5, "height": None, "width": None, "batch": 1}
            | {"text_share": None},
        ),
        "parse_schedule": Tried(call=pipelines.parse_schedule, takes={"text": "1:0.3"}),
        "save_region_block": Tried(call=pipelines.save_region_block, takes={"folder": files / "block"}),
    }
