"""The records of Stable Diffusion image variation."""

from gencontrol.models.location import Location
from gencontrol.pipelines.hosts.host import SavedPipeline
from gencontrol.pipelines.hosts.image_variation import IMAGE_VARIATION
from gencontrol.regions.geometry import Geometry

PUBLISHED, TINY = IMAGE_VARIATION.hosts


def test_the_published_checkpoint() -> None:
    assert (PUBLISHED.encoder, PUBLISHED.embed_dim, PUBLISHED.enters) == ("ViT-L/14", 768, "cross_attention")
    # Lambda's model card: resized without antialiasing, and a guidance scale of 3.
    assert PUBLISHED.geometry == Geometry(size=224, antialias=False)
    assert PUBLISHED.guidance_scale == TINY.guidance_scale == 3.0


def test_the_embedded_model_takes_the_width_of_its_own_encoder() -> None:
    assert (TINY.name, TINY.embed_dim, TINY.geometry) == ("tiny", None, Geometry(size=64))


def test_it_knows_its_own_folders() -> None:
    for name, expected in (
        ("StableDiffusionImageVariationPipeline", True),
        ("StableUnCLIPImg2ImgPipeline", False),
        ("", False),
    ):
        saved = SavedPipeline(location=Location(name="here"), index={"_class_name": name})
        assert IMAGE_VARIATION.recognises(saved) is expected


def test_the_denoisers_context_is_the_embedding() -> None:
    assert IMAGE_VARIATION.embedding_width({"cross_attention_dim": 24}) == 24
    assert IMAGE_VARIATION.embedding_width({}) is None
    # A width for every block says nothing of the embedding's.
    assert IMAGE_VARIATION.embedding_width({"cross_attention_dim": [24, 48]}) is None
