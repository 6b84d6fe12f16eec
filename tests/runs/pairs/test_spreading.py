"""Shards made by the processes of a cluster."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from gencontrol.errors import InputError, MissingDependencyError
from gencontrol.runs.notices import RunWarning
from gencontrol.runs.pairs import spreading
from gencontrol.runs.pairs.carrying_out import make_pairs
from gencontrol.runs.pairs.settings import PairsSettings
from gencontrol.runs.pairs.spreading import Wanted, open_shards, plain, spread_shards, versions

STATISTICS = "statistics.json"


@pytest.fixture
def settings(sets: Any, tmp_path: Path, tiny_folder: Path) -> PairsSettings:
    """Six pictures, a shard each, given boxes, an encoder with random weights."""
    return PairsSettings(
        pictures=str(sets.save_pictures(tmp_path / "pictures", 6)),
        captions=str(sets.write_lines(tmp_path / "captions.jsonl", sets.rows(6))),
        output=str(tmp_path / "out"),
        grounder="given",
        model=str(tiny_folder),
        agreement=-1.0,
        shard=1,
        device="cpu",
    )


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A function that puts a cluster in Ray's place: tests/engine/_ray.py."""
    spec = spec_from_file_location("runs_ray", Path(__file__).parents[2] / "engine" / "_ray.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)

    def of(**about: Any) -> Any:
        made = module.Fake(**about)
        for name, one in made.module().items():
            monkeypatch.setitem(sys.modules, name, one)
        return made

    return of


def files(folder: str | Path) -> dict[str, bytes]:
    root = Path(folder)
    found = (path for path in root.rglob("*") if path.is_file() and path.name != STATISTICS)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def test_a_cluster_makes_the_same_set_as_one_process(settings: PairsSettings, cluster: Any) -> None:
    make_pairs(settings)
    there = replace(settings, output=f"{settings.output}-there", cluster="local", workers=2)
    fake = cluster(ends=[("do", 3)])
    with pytest.warns(RunWarning, match="ended over shard"):
        made = make_pairs(there)
    assert made is not None and made.statistics["pairs"] == 12 and made.statistics["speed"]["seconds"] > 0
    assert files(there.output) == files(settings.output)
    assert fake.counts == {"open": 3, "do": 7} and not fake.is_there
    # Nobody opens the models where the command is called, and what is sent is plain.
    (wanted, release, packages), folder = fake.sent[0][0].args, fake.sent[0][1]
    assert type(wanted.settings) is PairsSettings and isinstance(release, str) and packages == versions()
    assert folder == str(Path.cwd()) and fake.hired[0].keys() == fake.hired[1].keys() - {"runtime_env"}


def test_what_was_begun_alone_goes_on_with_a_cluster(
    settings: PairsSettings, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, calls = cluster(), []
    whole = spreading.make_shard

    def stopping(making: Any, shard: int) -> None:
        calls.append(shard)
        if len(calls) == 3:
            raise KeyboardInterrupt
        whole(making, shard)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(spreading, "make_shard", stopping)
        make_pairs(settings)
    with pytest.warns(RunWarning, match="2 of 6 were measured before"):
        make_pairs(replace(settings, cluster="auto"))
    assert fake.counts["do"] == 4 and fake.joined[0]["address"] == "auto"
    fresh = replace(settings, output=f"{settings.output}-fresh")
    make_pairs(fresh)
    assert files(settings.output) == files(fresh.output)


def test_settings_of_a_face_are_sent_without_it(settings: PairsSettings) -> None:
    from gencontrol.cli.data.pairs import PairsFlags

    flags = PairsFlags(**vars(settings), format="json")
    assert plain(flags) == settings and type(plain(flags)) is PairsSettings


def test_offline_is_told_before_anything_is_loaded(
    settings: PairsSettings, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = cluster()
    make_pairs(replace(settings, cluster="local", offline=True))
    assert fake.hired[0]["runtime_env"] == {"env_vars": {"HF_HUB_OFFLINE": "1"}}


def wanted_of(settings: PairsSettings) -> Wanted:
    source = spreading.open_source(settings)
    return Wanted(settings=settings, source=source.facts, models=spreading.models_told(settings))


def test_another_machine_has_to_find_the_same(settings: PairsSettings) -> None:
    wanted, release = wanted_of(settings), spreading.__version__
    with pytest.raises(InputError, match=r"does not see the folder .*out: machines of a cluster need a disk that all"):
        open_shards(wanted, release, versions())
    Path(settings.output).mkdir()
    assert open_shards(replace(wanted, settings=replace(settings, device="cpu:0")), release, versions())(2)["seconds"]
    with pytest.raises(InputError, match=r"has another state of gencontrol than .*: expected 0\.0\.0, got"):
        open_shards(wanted, "0.0.0", versions())
    with pytest.raises(InputError, match="another state of torch than the machine that was called on"):
        open_shards(wanted, release, versions() | {"torch": "1.0"})
    with pytest.raises(InputError, match="another state of the data set"):
        open_shards(replace(wanted, source=dict(wanted.source, pictures=7)), release, versions())
    with pytest.raises(InputError, match=r"another state of the encoder than .* All machines of a cluster"):
        open_shards(replace(wanted, models=dict(wanted.models, encoder={"fingerprint": "x"})), release, versions())


def test_a_shard_that_is_not_seen_here(settings: PairsSettings, cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = cluster()
    monkeypatch.setattr(spreading, "_LATE", 0.3)
    monkeypatch.setattr(spreading, "make_shard", lambda making, shard: None)
    with pytest.raises(InputError, match=r"The cluster has made .*shards/00000\d\.jsonl, which is not seen here: give"):
        make_pairs(replace(settings, cluster="local"))
    assert not fake.is_there


def test_a_disk_of_a_network_may_be_late(
    settings: PairsSettings, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster()
    late: list[str] = []
    making = spreading.set_of(settings, spreading.open_source(settings))
    monkeypatch.setattr(spreading, "make_shard", lambda making, shard: None)
    monkeypatch.setattr(spreading.time, "sleep", lambda seconds: late.append(making.lines(0).write_text("")))  # pyright: ignore
    making.lines(0).parent.mkdir(parents=True)
    wanted = replace(wanted_of(settings), settings=replace(settings, cluster="local"))
    assert [shard for shard, _ in spread_shards(making, wanted, [0])] == [0] and len(late) == 1


def test_without_ray(settings: PairsSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'gencontrol\[cluster\]'"):
        make_pairs(replace(settings, cluster="local"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["local", "nodes"])
def test_with_ray_itself_and_a_worker_that_is_killed(settings: PairsSettings, kind: str) -> None:
    make_pairs(replace(settings, device="cpu"))
    given = (settings.pictures, str(settings.captions), f"{settings.output}-there", settings.model)
    done = subprocess.run(
        (sys.executable, str(Path(__file__).with_name("_cluster.py")), kind, *given), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == "" and files(f"{settings.output}-there") == files(settings.output)
    header = json.loads((Path(settings.output) / "pairs.json").read_text())
    assert "cluster" not in header["settings"] and "workers" not in header["settings"]
