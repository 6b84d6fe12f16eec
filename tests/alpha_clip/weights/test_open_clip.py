from collections.abc import Callable
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from open_clip.model import CLIP, CustomTextCLIP

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.weights.open_clip import byte_pair_tokenizer
from gencontrol.alpha_clip.weights.open_clip_models import check_config
from gencontrol.errors import CheckpointError, InputError

VISION = {"layers": 2, "width": 32, "head_width": 16, "patch_size": 16, "image_size": 64, "mlp_ratio": 3.0}
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
PLAIN = ("ViT-B-32", "ViT-B-16", "ViT-L-14", "ViT-L-14-336", "ViT-H-14", "ViT-bigG-14")
TEXTS = ["a photo of a cat", "The Moon's über café, 42 times!"]


def _model(model_class: Any = CLIP, vision: dict | None = None, text: dict | None = None, **settings: Any) -> Any:
    torch.manual_seed(0)
    return model_class(24, VISION | (vision or {}), TEXT | (text or {}), **settings).eval()


@pytest.mark.parametrize("quick_gelu", [False, True])
@pytest.mark.parametrize("model_class", [CLIP, CustomTextCLIP])
def test_towers_compute_the_same(model_class: Any, quick_gelu: bool) -> None:
    model = _model(model_class, quick_gelu=quick_gelu)
    encoder = AlphaCLIP.from_open_clip(model)
    pixels = torch.randn(2, 4, 64, 64)
    expected = model.encode_image(pixels[:, :3])
    torch.testing.assert_close(encoder.encode_pixels(pixels), expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(
        encoder.encode_text(TEXTS), model.encode_text(open_clip.tokenize(TEXTS)), atol=1e-5, rtol=0
    )
    assert encoder.logit_scale is not None and torch.equal(encoder.logit_scale, model.logit_scale)
    assert not encoder.has_alpha


def test_the_source_is_copied(tmp_path: Path) -> None:
    model = _model()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    encoder = AlphaCLIP.from_open_clip(model, dtype=torch.bfloat16)
    assert encoder.dtype == torch.bfloat16 and encoder.text is not None and encoder.text.dtype == torch.bfloat16
    encoder = AlphaCLIP.from_open_clip(model)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(1)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    encoder.save_pretrained(tmp_path / "out")
    again = AlphaCLIP.from_pretrained(tmp_path / "out")
    torch.testing.assert_close(again.encode_text(TEXTS), encoder.encode_text(TEXTS), atol=1e-5, rtol=1e-5)


def test_tokenizer_is_open_clips() -> None:
    ours, theirs = byte_pair_tokenizer(), open_clip.SimpleTokenizer()
    for text in [*TEXTS, "", "3D-printed  don't", "naïve 東京 \U0001f600"]:
        expected = [t for t in theirs([text])[0].tolist() if t]
        assert ours(text)["input_ids"] == expected


def test_statistics_are_the_models_own() -> None:
    model = _model()
    open_clip.set_model_preprocess_cfg(model, {"mean": (0.5, 0.4, 0.3), "std": (0.2, 0.2, 0.2)})
    processor = AlphaCLIP.from_open_clip(model).processor
    assert processor.image_mean == (0.5, 0.4, 0.3, 0.5) and processor.image_std == (0.2, 0.2, 0.2, 0.26)


@pytest.mark.parametrize("name", PLAIN)
def test_plain_vits_are_on_the_list(name: str) -> None:
    config = open_clip.get_model_config(name)
    assert config is not None
    check_config(config, name)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("RN50", r"vision_cfg\.layers is \[3, 4, 6, 3\]"),
        ("convnext_base", r"vision_cfg\.timm_model_name is 'convnext_base'; expected None"),
        ("coca_ViT-B-32", r"vision_cfg\.attentional_pool is True; expected False"),
        ("ViT-H-14-CLIPA", r"vision_cfg\.no_ln_pre is True; expected False"),
        ("ViT-M-16-alt", r"vision_cfg\.ls_init_value is 0.0001; expected None"),
        ("roberta-ViT-B-32", r"text_cfg\.hf_model_name is 'roberta-base'"),
        ("ViT-B-16-SigLIP", r"vision_cfg\.timm_model_name is"),
    ],
)
def test_others_are_refused_by_their_configuration(name: str, field: str) -> None:
    """Before any weight is fetched: the name of the weights is never looked at."""
    with pytest.raises(CheckpointError, match=f"{name} is not a plain ViT: {field}"):
        AlphaCLIP.from_open_clip(name, pretrained="some-weights")


Change = Callable[[Any], None]


def _with_foreign_block(model: Any) -> Any:
    """Blocks of another class; OpenCLIP builds some by a setting that its older releases do not have."""
    model.visual.transformer.resblocks[0] = torch.nn.Identity()
    return model


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: _model(vision={"pool_type": "avg"}), r"visual\.pool_type is 'avg'; expected 'tok'"),
        (lambda: _model(vision={"no_ln_pre": True}), r"visual\.ln_pre is 'Identity'; expected 'LayerNorm'"),
        (lambda: _model(vision={"ls_init_value": 0.1}), r"visual\..*ls_1 is 'LayerScale'"),
        (lambda: _model(vision={"final_ln_after_pool": True}), r"visual\.final_ln_after_pool is True"),
        (lambda: _model(vision={"attentional_pool": True, "attn_pooler_heads": 4}), r"visual\.attn_pool is"),
        (lambda: _model(vision={"norm_kwargs": {"eps": 1e-6}}), r"visual\.ln_pre\.eps is 1e-06"),
        (lambda: _model(vision={"act_kwargs": {"approximate": "tanh"}}), r"visual\.act_kwargs is GELU\(approximate"),
        (lambda: _with_foreign_block(_model()), r"visual\.transformer\.resblocks\.0 is 'Identity'"),
        (lambda: _model(vision={"image_size": (64, 32)}), r"visual\.image_size is \(64, 32\)"),
        (lambda: _model(vision={"layers": (1, 1, 1, 1), "width": 64}), r"visual is 'ModifiedResNet'"),
        (lambda: _model(text={"pool_type": "last"}), r"text\.pool_type is 'last'; expected 'argmax'"),
        (lambda: _model(CustomTextCLIP, text={"no_causal_mask": True}), r"text\.no_causal_mask is True"),
        (lambda: _model(CustomTextCLIP, text={"embed_cls": True}), r"text\.embed_cls is True"),
        (lambda: _model(text={"proj_bias": True}), r"text\.text_projection is 'Linear'"),
        (lambda: _model(init_logit_bias=-10.0), r"init_logit_bias is -10\.0; expected None"),
        (lambda: torch.nn.Linear(2, 2), r"visual is 'NoneType'; expected 'VisionTransformer'"),
    ],
)
def test_others_are_refused_as_modules(make: Callable[[], Any], field: str) -> None:
    with pytest.raises(CheckpointError, match=f"is not a plain ViT: {field}"):
        AlphaCLIP.from_open_clip(make())


def test_names_need_weights_and_must_exist() -> None:
    with pytest.raises(InputError, match=r"Say which weights of ViT-H-14 to load: pretrained=.*laion2b_s32b_b79k"):
        AlphaCLIP.from_open_clip("ViT-H-14")
    for name, pretrained in (("https://a.example/m", None), ("ViT-B-32", "https://a.example/m.pt")):
        with pytest.raises(InputError, match=r"^https://a\.example/m.* is an address; expected (the name|a tag)"):
            AlphaCLIP.from_open_clip(name, pretrained=pretrained)
    with pytest.raises(InputError, match="OpenCLIP knows no model 'ViT-H14'; did you mean 'ViT-H-14'"):
        AlphaCLIP.from_open_clip("ViT-H14", pretrained="x")
    with pytest.raises(InputError, match="no weights 'laion2b_s32' of ViT-H-14, and no file is there; did you mean"):
        AlphaCLIP.from_open_clip("ViT-H-14", pretrained="laion2b_s32")


def test_a_name_with_a_file_of_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way of a name: configuration, OpenCLIP's own strict load of a file, conversion."""
    monkeypatch.setitem(
        open_clip.factory._MODEL_CONFIGS, "small", {"embed_dim": 24, "vision_cfg": VISION, "text_cfg": TEXT}
    )
    model = _model()
    torch.save(model.state_dict(), tmp_path / "x.pt")
    encoder = AlphaCLIP.from_open_clip("small", pretrained=str(tmp_path / "x.pt"))
    pixels = torch.randn(1, 4, 64, 64)
    torch.testing.assert_close(encoder.encode_pixels(pixels), model.encode_image(pixels[:, :3]), atol=1e-5, rtol=0)
    with pytest.raises(CheckpointError, match="OpenCLIP cannot load"):
        AlphaCLIP.from_open_clip("small", pretrained=str(tmp_path / "none.pt"))


def test_a_hub_name_is_refused_where_only_local_files_may_be_used() -> None:
    with pytest.raises(InputError, match="OpenCLIP would fetch hf-hub:nobody/clip, and only local files may be used"):
        AlphaCLIP.from_open_clip("hf-hub:nobody/clip", local_files_only=True)
