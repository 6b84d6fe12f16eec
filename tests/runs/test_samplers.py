"""Samplers by their short names."""

from types import ModuleType
from typing import Any

import pytest

from gencontrol.errors import ConfigError
from gencontrol.runs.samplers import SAMPLERS, check_sampler, check_steps, make_sampler


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


def test_an_unknown_name_is_refused() -> None:
    check_sampler("euler-a")
    with pytest.raises(ConfigError, match="`scheduler`: there is no 'eular'; did you mean 'euler'"):
        check_sampler("eular")


def test_steps_that_a_sampler_cannot_take(config: dict[str, Any]) -> None:
    check_steps(None, config, 1000)
    with pytest.raises(ConfigError, match="`steps`: the sampler DDIMScheduler cannot take 1001"):
        check_steps(None, config, 1001)
    with pytest.raises(ConfigError, match="`steps`: the sampler pndm cannot take 1"):
        check_steps("pndm", config, 1)
