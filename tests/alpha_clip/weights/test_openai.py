"""OpenAI's files, in all forms that they go about in, against the model that they were made from."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from open_clip import tokenize
from open_clip.model import CLIP
from torch import Tensor, nn

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.weights.openai import is_clip_file
from gencontrol.alpha_clip.weights.state_names import CheckpointWarning
from gencontrol.errors import CheckpointError

TEXTS = ["a photo of a cat", "two dogs"]
SCALARS = {"input_resolution": 64, "context_length": 77, "vocab_size": 49408}


@pytest.fixture(scope="module")
def model() -> CLIP:
    """OpenAI's architecture in miniature; heads are 64 wide."""
    torch.manual_seed(0)
    vision = {"layers": 2, "width": 128, "head_width": 64, "patch_size": 16, "image_size": 64}
    text = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 3}
    return CLIP(24, vision, text, quick_gelu=True).eval()  # pyright: ignore[reportArgumentType]


def archive(state: dict[str, Tensor], path: Path) -> None:
    """A TorchScript archive whose modules hold these weights, and the numbers that OpenAI's hold."""
    root = nn.Module()
    for name, value in state.items():
        *parents, leaf = name.split(".")
        module = root
        for parent in parents:
            if not hasattr(module, parent):
                module.add_module(parent, nn.Module())
            module = module.get_submodule(parent)
        module.register_parameter(leaf, nn.Parameter(value.clone()))
    for name, number in SCALARS.items():
        root.register_buffer(name, torch.tensor(number))
    with pytest.warns((DeprecationWarning, FutureWarning)):
        torch.jit.script(root).save(path)


@pytest.fixture(scope="module")
def files(model: CLIP, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Form -> file."""
    folder = tmp_path_factory.mktemp("openai")
    state = {k: v for k, v in model.state_dict().items() if k != "attn_mask"}
    paths = {form: folder / f"{form}.pt" for form in ("archive", "state", "half", "vision", "compiled")}
    archive(state, paths["archive"])
    torch.save(state | {k: torch.tensor(v) for k, v in SCALARS.items()}, paths["state"])
    torch.save({k: v.half() for k, v in state.items()} | SCALARS, paths["half"])
    torch.save({k: v for k, v in state.items() if k.startswith("visual.")}, paths["vision"])
    torch.save({"state_dict": {f"_orig_mod.{k}": v for k, v in state.items()}}, paths["compiled"])
    return paths


@pytest.mark.filterwarnings("ignore::gencontrol.alpha_clip.weights.state_names.CheckpointWarning")
@pytest.mark.parametrize("form", ["archive", "state", "half", "compiled"])
def test_both_towers_compute_what_openai_s_do(form: str, files: dict[str, Path], model: CLIP) -> None:
    encoder = AlphaCLIP.from_clip(files[form])
    tolerance = 0.02 if form == "half" else 1e-5
    pixels = torch.randn(2, 4, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        image, text = model.encode_image(pixels[:, :3]), model.encode_text(tokenize(TEXTS))
    torch.testing.assert_close(encoder.encode_pixels(pixels), image, atol=tolerance, rtol=0)
    torch.testing.assert_close(encoder.encode_text(TEXTS), text, atol=tolerance, rtol=0)
    assert encoder.logit_scale is not None
    torch.testing.assert_close(encoder.logit_scale.detach(), model.logit_scale.detach(), atol=tolerance, rtol=0)
    assert not encoder.has_alpha and encoder.dtype == torch.float32


def test_the_vision_tower_alone(files: dict[str, Path], model: CLIP) -> None:
    with pytest.warns(CheckpointWarning, match=r"the prefix `visual\.` is taken off"):
        encoder = AlphaCLIP.from_clip(files["vision"], dtype=torch.bfloat16)
    assert encoder.text is None and encoder.dtype == torch.bfloat16
    assert torch.equal(encoder.vision.visual_projection.weight, model.state_dict()["visual.proj"].T.bfloat16())


def test_it_is_a_base_for_a_published_tower(files: dict[str, Path], model: CLIP, tmp_path: Path) -> None:
    tower = {k.removeprefix("visual."): v for k, v in model.state_dict().items() if k.startswith("visual.")}
    tower["conv1_alpha.weight"] = torch.randn(128, 1, 16, 16)
    torch.save(tower, tmp_path / "alpha.pth")
    encoder = AlphaCLIP.from_published(tmp_path / "alpha.pth", base=files["archive"])
    assert encoder.has_alpha and torch.equal(
        encoder.encode_text("a cat"), AlphaCLIP.from_clip(files["state"]).encode_text("a cat")
    )


def test_an_alpha_clip_of_both_towers_is_its_own_base(model: CLIP, tmp_path: Path) -> None:
    state = {k: v for k, v in model.state_dict().items() if k != "attn_mask"}
    torch.save(state | {"visual.conv1_alpha.weight": torch.randn(128, 1, 16, 16)}, tmp_path / "x.pth")
    encoder = AlphaCLIP.from_published(tmp_path / "x.pth")
    assert encoder.has_alpha and encoder.text is not None
    assert not is_clip_file(tmp_path / "x.pth")


def test_which_files_are_openai_s(files: dict[str, Path], tmp_path: Path) -> None:
    assert all(is_clip_file(path) for path in files.values())
    (tmp_path / "x.pt").write_bytes(b"no weights")
    assert not is_clip_file(tmp_path / "x.pt") and not is_clip_file(tmp_path / "none.pt")


Spoil = Callable[[dict[str, Tensor]], dict[str, Tensor]]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda s: s | {"visual.proj": s["visual.proj"] * torch.nan}, r"NaN or infinite weights \(proj\)"),
        (
            lambda s: s | {"text_projection": s["text_projection"].long()},
            r"1 of whole numbers: text_projection \(int64\)",
        ),
        (
            lambda s: s | {"visual.ln_post.bias": torch.zeros(128).to(torch.float8_e5m2)},
            r"8-bit floating point or another rare number format \(torch\._utils\._rebuild_tensor_v3\)",
        ),
        (lambda s: {k: v for k, v in s.items() if k != "visual.proj"}, r"no CLIP of OpenAI's \(no proj\)"),
        (lambda s: s | {"visual.extra": torch.zeros(1)}, "1 unexpected: extra"),
        (lambda s: {k: v for k, v in s.items() if k != "ln_final.bias"}, r"1 missing: ln_final\.bias"),
    ],
)
def test_what_is_refused(spoil: Spoil, message: str, files: dict[str, Path], model: CLIP, tmp_path: Path) -> None:
    state = {k: v for k, v in model.state_dict().items() if k != "attn_mask"}
    torch.save(spoil(state), tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match=message):
        AlphaCLIP.from_clip(tmp_path / "x.pt")


def test_a_width_that_openai_has_not(tiny_folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    narrow = {"layers": 1, "width": 32, "head_width": 32, "patch_size": 16, "image_size": 64}
    text = {"context_length": 77, "vocab_size": 100, "width": 64, "heads": 1, "layers": 1}
    model = CLIP(24, narrow, text)  # pyright: ignore[reportArgumentType]
    torch.save({k: v for k, v in model.state_dict().items() if k != "attn_mask"}, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match="a tower of width 32 is none of OpenAI's"):
        AlphaCLIP.from_clip(tmp_path / "x.pt")
