import pytest
import torch

from benchmarks.judge.calibration import calibration_error, fit_temperature


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_of_answers_that_were_drawn_by_it(temperature: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(20_000, 5, generator=generator)
    truth = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)[:, 0]
    assert fit_temperature(logits, truth) == pytest.approx(temperature, rel=0.06)


def test_the_distance_of_sureness_from_truth() -> None:
    sure = torch.tensor([0.95] * 10 + [0.55] * 10)
    right = torch.tensor([True] * 8 + [False] * 2 + [True] * 5 + [False] * 5)
    assert calibration_error(sure, right, bins=10) == pytest.approx((0.15 + 0.05) / 2)
    assert calibration_error(torch.ones(4), torch.ones(4, dtype=torch.bool)) == 0
    # In one bin what is said too high and too low is evened out.
    assert calibration_error(torch.tensor([0.9, 0.1]), torch.tensor([False, True]), bins=1) == pytest.approx(
        0, abs=1e-6
    )
