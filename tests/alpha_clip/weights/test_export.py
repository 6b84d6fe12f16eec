"""There and back is equal, and what was written computes the same where it is used."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from open_clip.model import CLIP
from safetensors.torch import load_file
from transformers import CLIPTextConfig, CLIPVisionConfig

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.reference import published_forward
from gencontrol.alpha_clip.weights.export import open_clip_settings
from gencontrol.alpha_clip.weights.open_clip_models import new_clip
from gencontrol.errors import CheckpointError, InputError

PIXELS = torch.randn(2, 4, 64, 64, generator=torch.Generator().manual_seed(0))
IDS = torch.tensor([[98, 5, 7, 99, 0, 0], [98, 3, 99, 0, 0, 0]])


@pytest.fixture(scope="module")
def trained() -> AlphaCLIP:
    """Both towers, random, with alpha weights; its end token is the largest."""
    torch.manual_seed(0)
    shape: Any = {"hidden_size": 32, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = CLIPTextConfig(
        **shape, vocab_size=100, projection_dim=24, max_position_embeddings=6, bos_token_id=98, eos_token_id=99
    )
    vision = CLIPVisionConfig(**shape, projection_dim=24, num_channels=4, image_size=64, patch_size=16)
    return AlphaCLIP.from_config(vision, text=text)


def equal(one: AlphaCLIP, other: AlphaCLIP) -> bool:
    a, b = one.vision.state_dict(), other.vision.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
def test_a_published_checkpoint(trained: AlphaCLIP, name: str, tmp_path: Path) -> None:
    trained.save_published(tmp_path / name)
    state = load_file(tmp_path / name) if name.endswith("safetensors") else torch.load(tmp_path / name)
    expected = published_forward(state, PIXELS[:, :3], PIXELS[:, 3:], heads=2)
    torch.testing.assert_close(trained.encode_pixels(PIXELS), expected, atol=1e-5, rtol=0)
    base = trained.to_clip()
    assert equal(AlphaCLIP.from_published(tmp_path / name, base=base), trained)


def test_a_published_checkpoint_may_be_called_anything_and_is_the_same_bytes(
    trained: AlphaCLIP, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("weights", "other.pth"):
        trained.save_published(Path(name))
    assert Path("weights").read_bytes() == Path("other.pth").read_bytes()
    assert equal(AlphaCLIP.from_published("weights", base=trained.to_clip()), trained)


def test_an_open_clip_model(trained: AlphaCLIP, tmp_path: Path) -> None:
    model: Any = trained.to_open_clip()
    assert isinstance(model, CLIP)
    visual: Any = model.visual
    with torch.no_grad():
        torch.testing.assert_close(model.encode_image(PIXELS), trained.encode_pixels(PIXELS), atol=1e-5, rtol=0)
        assert trained.text is not None
        texts = trained.text(input_ids=IDS).text_embeds
        torch.testing.assert_close(model.encode_text(IDS), texts, atol=1e-5, rtol=0)
        visual.conv1.weight.add_(1)
    assert not torch.equal(visual.conv1.weight[:, :3], trained.vision.state_dict()[PATCH][:, :3])
    back = AlphaCLIP.from_open_clip(trained.to_open_clip())
    assert equal(back, trained) and back.text is not None
    assert all(torch.equal(v, back.text.state_dict()[k]) for k, v in trained.text.state_dict().items())
    assert back.logit_scale is not None and trained.logit_scale is not None
    assert torch.equal(back.logit_scale, trained.logit_scale)


PATCH = "vision_model.embeddings.patch_embedding.weight"


def test_an_open_clip_folder(trained: AlphaCLIP, tmp_path: Path) -> None:
    trained.save_open_clip(tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "open_clip_config.json",
        "open_clip_model.safetensors",
    ]
    back = AlphaCLIP.from_open_clip(f"local-dir:{tmp_path / 'out'}", local_files_only=True)
    assert equal(back, trained) and back.processor.image_mean == trained.processor.image_mean
    # As an application does it, without gencontrol.
    settings = json.loads((tmp_path / "out" / "open_clip_config.json").read_text())["model_cfg"]
    theirs = CLIP(**settings)
    theirs.visual.conv1 = torch.nn.Conv2d(4, 32, 16, 16, bias=False)
    theirs.load_state_dict(load_file(tmp_path / "out" / "open_clip_model.safetensors"))
    with torch.no_grad():
        torch.testing.assert_close(theirs.eval().encode_image(PIXELS), trained.encode_pixels(PIXELS), atol=1e-5, rtol=0)


def test_folders_that_are_damaged(trained: AlphaCLIP, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    trained.save_open_clip(folder)
    settings = json.loads((folder / "open_clip_config.json").read_text())
    settings["model_cfg"]["vision_cfg"]["layers"] = 3
    (folder / "open_clip_config.json").write_text(json.dumps(settings))
    with pytest.raises(CheckpointError, match=r"is not what open_clip_config\.json describes.* 12 missing"):
        AlphaCLIP.from_open_clip(f"local-dir:{folder}")
    with pytest.raises(CheckpointError, match="OpenCLIP cannot make a model of these settings"):
        new_clip({"embed_dim": 3}, channels=4)


def test_towers_that_open_clip_cannot_hold(trained: AlphaCLIP, encoder: AlphaCLIP, plain: AlphaCLIP) -> None:
    with pytest.raises(
        InputError, match=r"reads a sentence off its largest token id, \d+; this text tower reads it off 3"
    ):
        encoder.to_open_clip()
    with pytest.raises(InputError, match="two towers, and this encoder has no text tower"):
        AlphaCLIP.from_clip(trained.vision).to_open_clip()
    assert trained.text is not None
    other = CLIPVisionConfig(**{**trained.vision.config.to_dict(), "hidden_act": "gelu"})
    with pytest.raises(
        InputError, match="one activation for both towers, of quick_gelu, gelu; these have gelu and quick"
    ):
        open_clip_settings(other, trained.text.config)
