import math
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from gencontrol.training.stages.contrastive import gather, gather_plain, pair_losses, sigmoid_losses, true_of


def units(*shape, seed=0):
    return functional.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def test_without_further_texts_it_is_clips_loss():
    image, text, scale = units(5, 8), units(5, 8, seed=1), torch.tensor(10.0)
    to_text, to_image = pair_losses(image, text, torch.eye(5, dtype=torch.bool), scale=scale)
    logits, labels = 10 * image @ text.T, torch.arange(5)
    torch.testing.assert_close(to_text.mean(), functional.cross_entropy(logits, labels))
    torch.testing.assert_close(to_image.mean(), functional.cross_entropy(logits.T, labels))


def test_the_sigmoid_loss_is_the_papers():
    """Algorithm 1 of arXiv 2303.15343: labels of 2 I - 1, the sum of all log-sigmoids over the number of pairs."""
    image, text = units(5, 8), units(5, 8, seed=1)
    scale, bias = torch.tensor(10.0), torch.tensor(-3.0)
    to_text, to_image = sigmoid_losses(image, text, torch.eye(5, dtype=torch.bool), scale=scale, bias=bias)
    logits, labels = image @ text.T * 10 - 3, 2 * torch.eye(5) - 1
    expected = -functional.logsigmoid(labels * logits).sum() / 5
    torch.testing.assert_close((to_text.mean(), to_image.mean()), (expected, expected))


def test_what_is_true_belongs_together_whosever_text_it_is():
    image, text = units(2, 8), units(3, 8, seed=1)
    truth = torch.tensor([[False, True, False], [False, False, True]])
    found, back = sigmoid_losses(image, text, truth, scale=torch.tensor(4.0), bias=torch.tensor(-1.0))
    logits = 4 * image @ text.T - 1
    # The pair's own text counts as true even where nothing says that it is.
    signs = torch.tensor([[1.0, 1.0, -1.0], [-1.0, 1.0, 1.0]])
    each = -functional.logsigmoid(signs * logits)
    torch.testing.assert_close((found, back), (each.sum(1), each[:, :2].sum(0)))


def test_smoothing_is_torchs():
    image, text = units(5, 8), units(5, 8, seed=1)
    to_text, _ = pair_losses(image, text, torch.eye(5, dtype=torch.bool), scale=torch.tensor(5.0), smoothing=0.1)
    expected = functional.cross_entropy(5 * image @ text.T, torch.arange(5), label_smoothing=0.1)
    torch.testing.assert_close(to_text.mean(), expected)


def test_texts_that_are_true_but_not_the_images_own_are_left_out():
    image, text = units(3, 8), units(4, 8, seed=1)
    truth = torch.eye(3, 4, dtype=torch.bool)
    truth[0, 1] = truth[0, 3] = True
    to_text, to_image = pair_losses(image, text, truth, scale=torch.tensor(4.0))
    logits = 4 * image @ text.T
    assert to_text[0].item() == pytest.approx(-torch.log_softmax(logits[0, [0, 2]], 0)[0].item(), rel=1e-5)
    assert to_text[1].item() == pytest.approx(-torch.log_softmax(logits[1], 0)[1].item(), rel=1e-5)
    # Text 1 is true of image 0, so image 0 is no negative of text 1.
    assert to_image[1].item() == pytest.approx(-torch.log_softmax(logits[[1, 2], 1], 0)[0].item(), rel=1e-5)


def test_what_is_true_of_what():
    images = torch.tensor([[3, 5, -1, -1], [4, -1, -1, -1]])
    texts = torch.tensor([[5, -1, -1, -1], [3, 5, -1, -1], [5, 4, -1, -1], [-1, -1, -1, -1]])
    assert true_of(images, texts).tolist() == [[True, True, False, False], [False, False, False, False]]


def test_a_perfect_match_costs_nothing_and_a_random_one_its_entropy():
    eye = torch.eye(4)
    to_text, _ = pair_losses(eye, eye, torch.eye(4, dtype=torch.bool), scale=torch.tensor(100.0))
    assert to_text.max() < 1e-6
    same = torch.ones(4, 4) / 2
    to_text, _ = pair_losses(same, same, torch.eye(4, dtype=torch.bool), scale=torch.tensor(100.0))
    torch.testing.assert_close(to_text, torch.full((4,), math.log(4)))


def test_on_one_process_gathering_is_nothing():
    x = torch.randn(3, 2, requires_grad=True)
    assert gather(x) is x and gather_plain(x) is x


def test_two_processes_give_the_loss_and_gradients_of_one(tmp_path):
    """Both directions, with a frozen text tower: the half that a plain all-gather loses."""
    script = Path(__file__).parents[1] / "_two_processes.py"
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = str(s.getsockname()[1])
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    runs = [
        subprocess.Popen([sys.executable, script, tmp_path], env=os.environ | shared | {"RANK": str(r)}) for r in (0, 1)
    ]
    assert [r.wait(timeout=120) for r in runs] == [0, 0]
    subprocess.run([sys.executable, script, tmp_path], check=True, timeout=120, env=os.environ | {"WORLD_SIZE": "1"})
    one, *two = (torch.load(tmp_path / f"{name}.pt", weights_only=True) for name in ("1-0", "2-0", "2-1"))
    for rank in two:
        for key, value in one.items():
            torch.testing.assert_close(rank[key], value, rtol=1e-5, atol=1e-7)
