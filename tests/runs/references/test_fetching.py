"""What would be fetched, and under which terms, is said before anything is."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gencontrol.errors import ConfigError, PairingError
from gencontrol.pipelines.hosts.reference_registry import REFERENCE_HOSTS
from gencontrol.pipelines.stock.sources import find_sources
from gencontrol.runs.references.fetching import fetching_lines, restrictions, size_in_words, takes_references


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


def lines(name: str, **parts: Any) -> list[str]:
    return fetching_lines(REFERENCE_HOSTS[name], find_sources(REFERENCE_HOSTS[name], **parts))


def test_every_part_with_size_and_licence() -> None:
    assert lines("sdxl-ip-plus") == [
        "sdxl-ip-plus: not on this machine, so fetched: stabilityai/stable-diffusion-xl-base-1.0 (base, 6.9 GB, "
        "CreativeML OpenRAIL++-M), h94/IP-Adapter/sdxl_models/ip-adapter-plus_sdxl_vit-h.safetensors (adapter, 848 MB, "
        "Apache-2.0), h94/IP-Adapter/models/image_encoder (vision tower, 2.5 GB, Apache-2.0), 10.3 GB in all."
    ]


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        ("kolors-ip-plus", "commercial use of Kolors needs a registration with its authors"),
        ("flux-redux", "FLUX.1 [dev] is for non-commercial use"),
        ("flux-ip", "FLUX.1 [dev] is for non-commercial use"),
        ("flux-ip-v2", "FLUX.1 [dev] is for non-commercial use"),
        ("flux2", "FLUX.2 [dev] is for non-commercial use"),
        ("sd35-ip", "the Stability AI Community licence bounds commercial use by revenue"),
    ],
)
def test_restrictions_come_with_it_once(name: str, terms: str) -> None:
    _, *rest = lines(name)
    assert rest == [f"{name}: {terms}."]


def test_a_size_that_is_not_known_is_left_out() -> None:
    (line,) = lines("karlo")
    assert "(base, CreativeML OpenRAIL-M)" in line and "in all" not in line


def test_one_part_is_not_summed_up() -> None:
    line, _ = lines("flux-kontext")
    assert line == (
        "flux-kontext: not on this machine, so fetched: black-forest-labs/FLUX.1-Kontext-dev (base, 33.7 GB, FLUX.1 "
        "[dev] non-commercial)."
    )


def test_what_the_caller_names_has_no_terms_of_ours(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").touch()
    made = lines("flux-ip", base="my/flux", adapter=tmp_path, image_encoder=tmp_path)
    assert made == ["flux-ip: not on this machine, so fetched: my/flux (base)."]
    assert lines("flux-ip", base=tmp_path, adapter=tmp_path, image_encoder=tmp_path) == []


def test_nothing_is_fetched_where_the_hub_is_not_asked() -> None:
    host = REFERENCE_HOSTS["flux-kontext"]
    assert fetching_lines(host, find_sources(host, local_files_only=True)) == []


def test_restrictions_of_parts() -> None:
    part = find_sources(REFERENCE_HOSTS["flux-kontext"]).base
    assert restrictions("x", [part, part]) == ["x: FLUX.1 [dev] is for non-commercial use."]
    assert restrictions("x", [replace(part, published=None)]) == []


def test_sizes_in_words() -> None:
    assert [size_in_words(size) for size in (44.6, 999.0, 1000.0, 33700.0)] == ["45 MB", "999 MB", "1.0 GB", "33.7 GB"]


def test_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert all(takes_references(name) for name in REFERENCE_HOSTS)
    assert not any(takes_references(name) for name in ("tiny", "sd-image-variation", "owner/name", "."))
    (tmp_path / "sdxl-ip-pluss").mkdir()
    assert not takes_references("sdxl-ip-pluss") and not takes_references("tinny")
    with pytest.raises(PairingError, match=r"^flux-fill is made for holes and does nothing else: `gencontrol edit"):
        takes_references("flux-fill")
    (tmp_path / "flux-fill").mkdir()
    assert not takes_references("flux-fill")
    with pytest.raises(ConfigError, match="`model`: there is no 'sdxl-ip-plu'; did you mean 'sdxl-ip-plus'"):
        takes_references("sdxl-ip-plu")
