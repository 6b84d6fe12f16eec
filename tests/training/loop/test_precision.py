import pytest
import torch

from gencontrol.training.loop.precision import forward_precision, multiplies_bfloat16, uses_bfloat16


@pytest.mark.parametrize(("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_the_forward_pass_has_the_precision_asked_for(precision, dtype):
    weight = torch.ones(2, 2)
    with forward_precision("cpu", precision):
        assert (weight @ weight).dtype == dtype


def test_auto_is_what_the_processor_multiplies_natively(monkeypatch):
    for flag, expected in (("avx512_bf16", True), ("amx_bf16", True), ("avx2", False)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda flag=flag: {flag: True})
        assert multiplies_bfloat16("cpu") is expected
        assert uses_bfloat16("cpu", "auto") is expected
        assert uses_bfloat16("cpu", "bfloat16") and not uses_bfloat16("cpu", "float32")


def test_devices_that_are_not_known_compute_in_float32():
    assert not multiplies_bfloat16("mps")


def test_of_a_gpu_torch_is_asked_without_emulation(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *, including_emulation: not including_emulation)
    assert multiplies_bfloat16("cuda") and uses_bfloat16("cuda", "auto")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *, including_emulation: including_emulation)
    assert not multiplies_bfloat16("cuda") and uses_bfloat16("cuda", "bfloat16")
