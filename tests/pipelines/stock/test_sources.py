"""Where a host's parts are, and what of them is not here; no hub is asked."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gencontrol.errors import CheckpointError, PairingError
from gencontrol.models.location import Location
from gencontrol.pipelines.hosts.reference_registry import REFERENCE_HOSTS
from gencontrol.pipelines.stock.sources import (
    Part,
    Sources,
    check_reachable,
    find_sources,
    weigh,
)

SDXL, KOLORS, REDUX = (REFERENCE_HOSTS[name] for name in ("sdxl-ip-plus", "kolors-ip-plus", "flux-redux"))
KONTEXT, KARLO = REFERENCE_HOSTS["flux-kontext"], REFERENCE_HOSTS["karlo"]
KANDINSKY = REFERENCE_HOSTS["kandinsky-2.2"]
LIKE = "sdxl_models/ip-adapter-plus_sdxl_vit-h.safetensors"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub's client."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def lay(cache: Path, name: str, *files: str, revision: str = "main", index: dict[str, object] | None = None) -> None:
    """Files of a repository, as the client lays them."""
    root = cache / f"models--{name.replace('/', '--')}"
    (root / "refs" / revision).parent.mkdir(parents=True, exist_ok=True)
    (root / "refs" / revision).write_text("0" * 40)
    for file in files:
        path = root / "snapshots" / ("0" * 40) / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(index) if file == "model_index.json" else "{}")


@pytest.mark.parametrize("name", REFERENCE_HOSTS)
def test_every_published_part_is_named(name: str) -> None:
    host = REFERENCE_HOSTS[name]
    sources = find_sources(host)
    assert sources.base.location == Location(name=host.base.repository, revision=host.base.revision)
    assert (sources.adapter is None) == (host.adapter is None)
    # Redux's adapter holds its own; pictures need none.
    assert (sources.tower is None) == (host.takes in ("redux", "picture"))
    assert all(part.published is not None for part in sources.parts)
    if sources.adapter is not None and sources.tower is not None and host.adapter and host.adapter.encoder_folder:
        assert sources.tower.location.name == sources.adapter.location.name
        assert sources.tower.location.subfolder == host.adapter.encoder_folder


def test_a_vision_tower_in_another_folder_and_revisions() -> None:
    assert find_sources(SDXL).tower == Part(
        role="vision tower",
        location=Location(name="h94/IP-Adapter", subfolder="models/image_encoder"),
        published=SDXL.tower,
    )
    kolors = find_sources(KOLORS)
    assert kolors.adapter is not None and kolors.tower is not None
    assert {kolors.adapter.location.revision, kolors.tower.location.revision} == {"refs/pr/4"}
    assert kolors.base.location.revision is None
    assert find_sources(KARLO, revision="mine").base.location.revision == "mine"


def test_a_published_place_that_is_here_has_no_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert KOLORS.adapter is not None
    (tmp_path / KOLORS.adapter.repository).mkdir(parents=True)
    adapter = find_sources(KOLORS).adapter
    assert adapter is not None and adapter.location == Location(name=KOLORS.adapter.repository)
    (tmp_path / KARLO.base.repository).mkdir(parents=True)
    assert find_sources(KARLO).base.location.revision is None
    with pytest.raises(CheckpointError, match="`revision` mine is of a model on the hub"):
        find_sources(KARLO, revision="mine")


def test_what_the_caller_names_wins() -> None:
    made = find_sources(SDXL, base="my/base", adapter="my/adapter", image_encoder="my/clips/vit/h", revision="old")
    assert made.base == Part(role="base", location=Location(name="my/base", revision="old"))
    assert made.adapter == Part(role="adapter", location=Location(name="my/adapter"), file=LIKE)
    assert made.tower == Part(role="vision tower", location=Location(name="my/clips", subfolder="vit/h"))
    assert find_sources(SDXL, adapter="my/adapter/a/b.safetensors").adapter == Part(
        role="adapter", location=Location(name="my/adapter"), file="a/b.safetensors"
    )
    assert find_sources(REDUX, adapter="my/redux").adapter == Part(role="adapter", location=Location(name="my/redux"))


def test_a_base_with_its_own_tower_brings_it() -> None:
    made = find_sources(KARLO, base="my/karlo").tower
    assert made is not None and made.location == Location(name="my/karlo", subfolder="image_encoder")


def test_local_files_only_goes_for_what_is_elsewhere(tmp_path: Path) -> None:
    made = find_sources(SDXL, base=tmp_path, local_files_only=True)
    assert made.adapter is not None and made.tower is not None
    assert [part.location.local_files_only for part in made.parts] == [False, True, True]


def test_parts_that_a_host_has_no_place_for() -> None:
    with pytest.raises(PairingError, match=r"`adapter`: flux-kontext takes references by itself"):
        find_sources(KONTEXT, adapter="a/b")
    with pytest.raises(PairingError, match=r"`image_encoder`: flux-kontext encodes references by its own autoencoder"):
        find_sources(KONTEXT, image_encoder="a/b")
    with pytest.raises(PairingError, match=r"`image_encoder`: flux-redux encodes references by the SigLIP that its"):
        find_sources(REDUX, image_encoder="a/b")
    with pytest.raises(PairingError, match=r"`alpha_clip`: flux-kontext encodes references by its own autoencoder"):
        find_sources(KONTEXT, alpha_clip="a/b")
    with pytest.raises(PairingError, match="Give either `image_encoder` or `alpha_clip`"):
        find_sources(SDXL, image_encoder="a/b", alpha_clip="a/b")


def test_an_alpha_clip_takes_the_towers_place() -> None:
    redux = find_sources(REDUX, alpha_clip="my/alpha")
    assert [part.role for part in redux.parts] == ["base", "adapter"]
    made = find_sources(SDXL, alpha_clip="my/alpha")
    assert made.tower is None and [part.role for part in made.parts] == ["base", "adapter"]


def test_a_folders_own_tower_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").touch()
    tower = find_sources(SDXL, adapter=tmp_path).tower
    assert tower is not None and tower.location.name == "h94/IP-Adapter"
    (tmp_path / "models" / "image_encoder").mkdir(parents=True)
    (tmp_path / "models" / "image_encoder" / "config.json").touch()
    tower = find_sources(SDXL, adapter=tmp_path).tower
    assert tower is not None
    assert tower.location == Location(name=str(tmp_path), subfolder="models/image_encoder")
    assert tower.published is None and tower.is_here


class TestPrior:
    """What makes embeddings of texts: looked for where a text is to be read."""

    def test_the_published_one_where_it_is_needed(self) -> None:
        assert find_sources(KANDINSKY).prior is None
        made = find_sources(KANDINSKY, with_prior=True).prior
        assert made is not None and made.published == KANDINSKY.prior
        assert made.location == Location(name="kandinsky-community/kandinsky-2-2-prior")
        assert [part.role for part in find_sources(KANDINSKY, with_prior=True).parts] == [
            "base",
            "vision tower",
            "prior",
        ]

    def test_a_folder_and_its_own_tower(self, tmp_path: Path) -> None:
        made = find_sources(KANDINSKY, prior=tmp_path)
        assert made.prior == Part(role="prior", location=Location(name=str(tmp_path)))
        assert made.tower is not None and made.tower.published is not None
        (tmp_path / "image_encoder").mkdir()
        (tmp_path / "image_encoder" / "config.json").touch()
        inside = Location(name=str(tmp_path), subfolder="image_encoder")
        tower = find_sources(KANDINSKY, prior=tmp_path).tower
        assert tower is not None and tower.location == inside
        tower = find_sources(KANDINSKY, prior=tmp_path, image_encoder="my/tower").tower
        assert tower is not None and tower.location == Location(name="my/tower")

    @pytest.mark.parametrize("asked", [{"prior": "a/b"}, {"with_prior": True}])
    def test_hosts_that_mix_no_text(self, asked: dict[str, Any]) -> None:
        with pytest.raises(PairingError, match="`prior`: the condition of sdxl-ip-plus is mixed with no text"):
            find_sources(SDXL, **asked)

    def test_it_is_here_without_its_tower(self, cache: Path) -> None:
        index: dict[str, object] = {
            "prior": ["diffusers", "PriorTransformer"],
            "image_encoder": ["transformers", "CLIPVisionModelWithProjection"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
        }
        name = "kandinsky-community/kandinsky-2-2-prior"
        lay(cache, name, "model_index.json", index=index)
        prior = find_sources(KANDINSKY, with_prior=True).prior
        assert prior is not None and not prior.is_here
        lay(cache, name, "prior/diffusion_pytorch_model.safetensors")
        assert prior.is_here
        # As any other saved pipeline it would need it.
        assert not replace(prior, role="base").is_here

    def test_it_is_kept_to_the_cache_as_the_others_are(self) -> None:
        prior = find_sources(KANDINSKY, with_prior=True, local_files_only=True).prior
        assert prior is not None and prior.location.local_files_only


class TestMissing:
    """What would have to be fetched."""

    def test_all_of_it_in_an_empty_cache(self, cache: Path) -> None:
        sources = find_sources(SDXL)
        assert sources.missing == sources.parts

    def test_each_part_once_it_is_there(self, cache: Path) -> None:
        sources = find_sources(SDXL)
        lay(cache, "h94/IP-Adapter", LIKE)
        assert sources.missing == [sources.base, sources.tower]
        lay(cache, "h94/IP-Adapter", "models/image_encoder/config.json")
        assert sources.missing == [sources.base, sources.tower]
        lay(cache, "h94/IP-Adapter", "models/image_encoder/model.safetensors")
        assert sources.missing == [sources.base]

    def test_a_base_whose_settings_alone_were_fetched_is_not_here(self, cache: Path) -> None:
        index = {
            "_class_name": "StableDiffusionXLPipeline",
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
            "scheduler": ["diffusers", "EulerDiscreteScheduler"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "feature_extractor": ["transformers", "CLIPImageProcessor"],
            "image_encoder": [None, None],
        }
        name, base = SDXL.base.repository, find_sources(SDXL).base
        lay(cache, name, "model_index.json", "unet/config.json", index=index)
        assert not base.is_here
        lay(cache, name, "model_index.json", "unet/diffusion_pytorch_model.fp16.safetensors", index=index)
        assert not base.is_here
        lay(cache, name, "model_index.json", "vae/diffusion_pytorch_model.safetensors", index=index)
        assert base.is_here

    def test_another_revision_is_another_thing(self, cache: Path) -> None:
        adapter = find_sources(KOLORS).adapter
        assert adapter is not None
        lay(cache, "Kwai-Kolors/Kolors-IP-Adapter-Plus", "ip_adapter_plus_general.safetensors")
        assert not adapter.is_here
        file = "ip_adapter_plus_general.safetensors"
        lay(cache, "Kwai-Kolors/Kolors-IP-Adapter-Plus", file, revision="refs/pr/4")
        assert adapter.is_here

    def test_a_name_that_no_hub_can_have_is_not_here(self, cache: Path) -> None:
        assert not Part(role="adapter", location=Location(name="a/b/c"), file="x").is_here

    def test_sizes(self) -> None:
        parts = find_sources(SDXL).parts
        assert weigh(parts) == 6940 + 848 + 2530
        assert weigh(find_sources(KARLO).parts) is None and weigh([]) == 0


class TestReach:
    """A hub that cannot be reached, or is not to be asked."""

    def test_missing_parts_are_kept_to_the_cache_after_one_question(
        self, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        asked: list[int] = []
        monkeypatch.setattr("gencontrol.models.location.is_hub_there", lambda: bool(asked.append(1)))
        settled = find_sources(SDXL, base=tmp_path).settled()
        assert asked == [1] and settled.base.location == Location(name=str(tmp_path))
        assert settled.adapter is not None and settled.tower is not None
        for part in (settled.adapter, settled.tower):
            assert part.location.local_files_only and part.location.out_of_reach
        text = (
            r"sdxl-ip-plus needs h94/IP-Adapter \(adapter\) and h94/IP-Adapter \(vision tower\): not in this machine's "
            "cache, and the hub cannot be reached"
        )
        with pytest.raises(CheckpointError, match=text):
            check_reachable(settled, name="sdxl-ip-plus")

    def test_what_is_here_asks_nothing(self, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr("gencontrol.models.location.is_hub_there", lambda: pytest.fail("asked"))
        (tmp_path / "a.safetensors").touch()
        sources = find_sources(SDXL, base=tmp_path, adapter=tmp_path, image_encoder=tmp_path)
        assert sources.settled() == sources
        check_reachable(sources, name="sdxl-ip-plus")

    def test_a_hub_that_answers_changes_nothing(self, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("gencontrol.models.location.is_hub_there", lambda: True)
        sources = find_sources(SDXL)
        assert sources.settled() == sources
        check_reachable(sources, name="sdxl-ip-plus")

    def test_a_hub_that_is_not_to_be_asked(self, cache: Path) -> None:
        sources = find_sources(KONTEXT, local_files_only=True)
        assert isinstance(sources, Sources) and sources.settled() == sources
        with pytest.raises(
            CheckpointError, match=r"FLUX.1-Kontext-dev \(base\): .* hub is not asked \(`local_files_only`\)"
        ):
            check_reachable(sources, name="flux-kontext")


@pytest.mark.parametrize("part", ["base", "adapter", "image_encoder", "prior"])
def test_a_path_where_nothing_is_asks_no_hub(part: str, tmp_path: Path) -> None:
    known = {"prior": "kandinsky-2.2", "adapter": "flux-redux"}
    host = REFERENCE_HOSTS[known.get(part, "sd15-ip-plus")]
    path: Any = {part: tmp_path / "nowhere"}
    hub: Any = {part: "some/body"}
    with pytest.raises(CheckpointError, match=rf"`{part}`: nothing is at .*nowhere: expected a folder there, or a"):
        find_sources(host, **path)
    assert find_sources(host, **hub).missing
