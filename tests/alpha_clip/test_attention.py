import torch
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from gencontrol.alpha_clip.attention import attention_weights


def _eager(config: CLIPVisionConfig) -> CLIPVisionModelWithProjection:
    torch.manual_seed(0)
    config._attn_implementation = "eager"
    tower = CLIPVisionModelWithProjection(config).eval()
    with torch.no_grad():
        for parameter in tower.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return tower


def test_weights_are_those_of_the_stock_layer(small_config: CLIPVisionConfig) -> None:
    tower = _eager(small_config)
    bias = torch.randn(1, 1, 17, 17)
    for extra in ({}, {"attention_mask": bias}):
        output = tower(torch.randn(2, 4, 64, 64), output_attentions=True, output_hidden_states=True, **extra)
        for index, expected in enumerate(output.attentions):
            layer = tower.vision_model.encoder.layers[index]
            weights = attention_weights(layer, output.hidden_states[index], extra.get("attention_mask"))
            torch.testing.assert_close(weights, expected, atol=1e-6, rtol=1e-5)
            assert weights.std() > 0.01


def test_a_bias_on_the_class_row_moves_what_it_sees(small_config: CLIPVisionConfig) -> None:
    layer = _eager(small_config).vision_model.encoder.layers[0]
    hidden, bias = torch.randn(1, 17, 32), torch.zeros(1, 1, 17, 17)
    bias[..., 0, 5] = -torch.inf
    weights = attention_weights(layer, hidden, bias)
    assert weights[0, :, 0, 5].abs().max() == 0
    torch.testing.assert_close(weights[0, :, 1:], attention_weights(layer, hidden)[0, :, 1:])
    torch.testing.assert_close(weights.sum(-1), torch.ones(1, 4, 17))
