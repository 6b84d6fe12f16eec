"""Samplers by their short names."""

from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from diffusers.schedulers.scheduling_ddim import DDIMScheduler

from gencontrol.errors import ConfigError
from gencontrol.runs.samplers import SAMPLERS, check_sampler, check_steps, make_sampler, sampled_by


@pytest.fixture
def config(tiny: ModuleType) -> dict[str, Any]:
    return dict(tiny.scheduler().config) | {"_class_name": "DDIMScheduler"}


@pytest.mark.parametrize("name", SAMPLERS)
def test_each_is_the_class_that_it_stands_for_with_the_saved_noise(name: str, config: dict[str, Any]) -> None:
    class_name, settings = SAMPLERS[name]
    made = make_sampler(name, config)
    assert type(made).__name__ == class_name
    assert made.config.beta_end == config["beta_end"]
    assert {key: made.config[key] for key in settings} == settings


def test_karras_is_what_sets_two_apart(config: dict[str, Any]) -> None:
    assert not make_sampler("dpm++", config).config.use_karras_sigmas
    assert make_sampler("dpm++-karras", config).config.use_karras_sigmas


def test_none_is_the_saved_class(config: dict[str, Any]) -> None:
    assert type(make_sampler(None, config)).__name__ == "DDIMScheduler"


def test_another_sampler_for_a_while(tiny: ModuleType) -> None:
    """Each is made of the pipeline's own, which comes back whatever happens."""
    own = tiny.scheduler()
    pipeline = SimpleNamespace(scheduler=own)
    with sampled_by(pipeline, None):
        assert pipeline.scheduler is own
    with pytest.raises(RuntimeError), sampled_by(pipeline, "dpm++-karras"):
        assert type(pipeline.scheduler).__name__ == "DPMSolverMultistepScheduler"
        raise RuntimeError
    assert pipeline.scheduler is own


def test_an_unknown_name_is_refused() -> None:
    check_sampler("euler-a")
    with pytest.raises(ConfigError, match="`scheduler`: there is no 'eular'; did you mean 'euler'"):
        check_sampler("eular")


def test_steps_that_a_sampler_cannot_take(config: dict[str, Any]) -> None:
    check_steps(None, config, 1000)
    most = r"give 1000 or fewer, as many as the model was trained with\.$"
    with pytest.raises(ConfigError, match=f"`steps`: the sampler DDIMScheduler cannot take 1001: {most}"):
        check_steps(None, config, 1001)
    with pytest.raises(ConfigError, match=f"the sampler ddpm cannot take 2000: {most}"):
        check_steps("ddpm", config, 2000)
    with pytest.raises(ConfigError, match="`steps`: the sampler pndm cannot take 1"):
        check_steps("pndm", config, 1)


def test_a_number_of_steps_that_is_too_small_says_what_is_enough(config: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="`steps`: the sampler pndm cannot take 1: give 4 or more"):
        check_steps("pndm", config, 1)
    check_steps("pndm", config, 4)


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("steps", [4, 7])
def test_every_sampler_takes_a_few_steps(name: str, steps: int, config: dict[str, Any]) -> None:
    check_steps(name, config, steps)


def test_samplers_are_tried_out_to_the_end(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Some take a number of steps first, and fail at one of them."""

    def fails(self: DDIMScheduler, *arguments: Any, **settings: Any) -> None:
        raise IndexError("list index out of range")

    monkeypatch.setattr(DDIMScheduler, "step", fails)
    with pytest.raises(ConfigError, match="the sampler DDIMScheduler cannot take 20: list index out of range"):
        check_steps(None, config, 20)
    check_steps(None, config, 21)


def test_a_sampler_whose_denoiser_gives_the_variance_too() -> None:
    config = {"_class_name": "UnCLIPScheduler", "variance_type": "learned_range", "num_train_timesteps": 1000}
    with pytest.raises(ConfigError, match=r"^`steps`: the sampler UnCLIPScheduler cannot take 1: give 2 or more\.$"):
        check_steps(None, config, 1)
    check_steps(None, config, 2)
