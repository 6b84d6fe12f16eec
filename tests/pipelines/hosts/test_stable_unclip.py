"""The records of Stable unCLIP."""

import inspect

from diffusers.pipelines.stable_diffusion.pipeline_stable_unclip_img2img import StableUnCLIPImg2ImgPipeline

from gencontrol.models.location import Location
from gencontrol.pipelines.hosts.host import SavedPipeline
from gencontrol.pipelines.hosts.stable_unclip import STABLE_UNCLIP

SMALL, LARGE = STABLE_UNCLIP.hosts


def test_the_published_checkpoints() -> None:
    assert (SMALL.encoder, SMALL.embed_dim) == ("ViT-L/14", 768)
    assert (LARGE.encoder, LARGE.embed_dim) == ("ViT-H/14", 1024)
    assert SMALL.enters == LARGE.enters == "class_labels" and SMALL.geometry.antialias and LARGE.geometry.antialias


def test_the_guidance_scale_is_the_stock_classs() -> None:
    stock = inspect.signature(StableUnCLIPImg2ImgPipeline.__call__).parameters["guidance_scale"].default
    # Some versions have an integer there.
    assert SMALL.guidance_scale == LARGE.guidance_scale == float(stock) == 10.0


def test_it_knows_its_own_folders() -> None:
    for name, expected in (
        ("StableUnCLIPImg2ImgPipeline", True),
        ("StableUnCLIPPipeline", False),
        ("StableDiffusionImageVariationPipeline", False),
    ):
        saved = SavedPipeline(location=Location(name="here"), index={"_class_name": name})
        assert STABLE_UNCLIP.recognises(saved) is expected


def test_half_of_the_class_labels_is_the_embedding() -> None:
    both = {"projection_class_embeddings_input_dim": 48, "cross_attention_dim": 32}
    assert STABLE_UNCLIP.embedding_width(both) == 24
    assert STABLE_UNCLIP.embedding_width({"cross_attention_dim": 32}) is None
