"""The pass against what it has to be: the tower's own where nothing changes, and written out another way."""

from typing import Any

import torch
from torch import Tensor
from torch.testing import assert_close

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.one_pass.change import BlockChange, LinearChange, OnePass
from gencontrol.alpha_clip.one_pass.forward import encode_together, read_maps, togetherness, united
from gencontrol.alpha_clip.one_pass.regions import untrained


def seen(encoder: AlphaCLIP, rgb: Tensor, alphas: Tensor) -> Tensor:
    return encoder.processor.normalize(torch.cat([rgb, united(alphas)[:, None]], dim=1))


def test_maps_add_up() -> None:
    maps = torch.tensor([0.5, 0.25, 1.0])[None, :, None, None].expand(1, 3, 2, 2)
    assert united(maps[:, :2]).unique().tolist() == [0.75] and united(maps).unique().tolist() == [1.0]


def test_patches_of_different_regions_are_apart() -> None:
    shares = torch.tensor([[[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 1.0]]])
    found = togetherness(shares)[0]
    # The first two are different regions', the third is nobody's, the last is both's.
    assert found[0, 1] == 0 and found[1, 0] == 0
    assert found[2].tolist() == [1] * 4 and found[3].tolist() == [1] * 4 and found.diagonal().tolist() == [1] * 4
    soft = togetherness(torch.tensor([[[0.5, 0.0], [0.0, 0.8]]]))[0]
    assert_close(soft[0, 1], torch.tensor(1 - 0.5 * 0.8))


def test_what_is_read_of_maps(changed: OnePass, alphas: Tensor) -> None:
    maps = read_maps(changed, alphas, 16)
    assert maps.features.shape == (2, 3, 16, 2) and maps.apart.shape == (2, 16, 16)
    assert_close(maps.own[0, 0, 0], torch.tensor(0.0))
    assert_close(maps.own[0, 0, 15], torch.tensor(changed.config.floor).log())
    patch = alphas[0, 2, 32:48, 16:32]
    reader: Any = changed.reader
    by_hand = (reader.weight[:, 0] * patch).sum((1, 2)) + reader.bias
    assert_close(maps.features[0, 2, 9], by_hand)


def test_nothing_changes_where_the_whole_picture_is_the_region(encoder: AlphaCLIP, rgb: Tensor) -> None:
    whole = torch.ones(2, 3, 64, 64)
    found = encode_together(encoder.vision, untrained(encoder.vision), seen(encoder, rgb, whole), whole)
    expected = encoder.encode_image(rgb)[:, None].expand(-1, 3, -1)
    assert_close(found, expected, atol=1e-5, rtol=0)


def test_regions_are_told_apart_in_any_order(encoder: AlphaCLIP, changed: OnePass, rgb: Tensor, alphas: Tensor) -> None:
    pixels = seen(encoder, rgb, alphas)
    found = encode_together(encoder.vision, changed, pixels, alphas)
    turned = encode_together(encoder.vision, changed, pixels, alphas.flip(1))
    assert_close(turned, found.flip(1), atol=1e-5, rtol=0)
    assert (found[:, 0] - found[:, 1]).abs().max() > 1e-2
    alone = encode_together(encoder.vision, changed, pixels[1:], alphas[1:])
    assert_close(alone, found[1:], atol=1e-5, rtol=0)
    filled = encode_together(encoder.vision, changed, pixels, torch.cat([alphas, torch.zeros_like(alphas)], dim=1))
    assert_close(filled[:, :3], found, atol=1e-5, rtol=0)


def test_the_pass_written_out(encoder: AlphaCLIP, changed: OnePass, rgb: Tensor, alphas: Tensor) -> None:
    pixels = seen(encoder, rgb, alphas)
    found = encode_together(encoder.vision, changed, pixels, alphas)
    assert_close(found, restated(encoder, changed, pixels, alphas), atol=2e-5, rtol=1e-4)


def test_the_tower_stays_as_it_was(encoder: AlphaCLIP, changed: OnePass, rgb: Tensor, alphas: Tensor) -> None:
    before = encoder.encode_pixels(encoder.processor(rgb, alphas[:, 0]))
    encode_together(encoder.vision, changed, seen(encoder, rgb, alphas), alphas)
    assert torch.equal(encoder.encode_pixels(encoder.processor(rgb, alphas[:, 0])), before)


def restated(encoder: AlphaCLIP, one_pass: OnePass, pixels: Tensor, alphas: Tensor) -> Tensor:
    """One sequence, one mask and changed matrices, picture by picture and head by head."""
    model: Any = encoder.vision.vision_model
    told: Any = one_pass.pooled
    count = alphas.shape[1]
    maps = read_maps(one_pass, alphas, 16)
    found = []
    for row in range(len(pixels)):
        embedded = model.embeddings(pixels[row : row + 1])[0]
        start = (embedded[:1] + one_pass.start).expand(count, -1)
        tokens = norm(model.pre_layrnorm, one_pass.pre_layrnorm, torch.cat([start, embedded]))
        shares = maps.own[row].exp()
        mean = (shares / shares.sum(1, keepdim=True)) @ tokens[count + 1 :]
        pooled = mean @ told.down.T @ told.up.T + told.bias
        tokens = torch.cat([tokens[:count] + pooled, tokens[count:]])
        for block, change in zip(model.encoder.layers, one_pass.layers, strict=True):
            assert isinstance(change, BlockChange)
            normed = norm(block.layer_norm1, change.layer_norm1, tokens)
            tokens = tokens + attended(block.self_attn, change, normed, maps, row, count)
            normed = norm(block.layer_norm2, change.layer_norm2, tokens)
            inner = normed @ block.mlp.fc1.weight.T + block.mlp.fc1.bias + change.fc1
            tokens = tokens + block.mlp.activation_fn(inner) @ block.mlp.fc2.weight.T + block.mlp.fc2.bias + change.fc2
        last = norm(model.post_layernorm, one_pass.post_layernorm, tokens[:count])
        projection = one_pass.visual_projection
        found.append(last @ (encoder.vision.visual_projection.weight + projection.up @ projection.down).T)
    return torch.stack(found)


def norm(layer, change, tokens: Tensor) -> Tensor:
    spread = (tokens.var(-1, unbiased=False, keepdim=True) + layer.eps).sqrt()
    scaled = (tokens - tokens.mean(-1, keepdim=True)) / spread
    return scaled * (layer.weight + change.weight) + layer.bias + change.bias


def attended(attention, change: BlockChange, normed: Tensor, maps, row: int, count: int) -> Tensor:
    def through(name: str, tokens: Tensor) -> Tensor:
        layer, more = getattr(attention, name), getattr(change, name)
        assert isinstance(more, LinearChange) and more.bias is not None
        return tokens @ (layer.weight + more.up @ more.down).T + layer.bias + more.bias

    queries, keys, values = (through(name, normed) for name in ("q_proj", "k_proj", "v_proj"))
    wide = queries.shape[1] // len(change.own)
    results = []
    for head in range(len(change.own)):
        part = slice(head * wide, (head + 1) * wide)
        result = torch.zeros(len(normed), wide)
        for token in range(len(normed)):
            logits = keys[:, part] @ queries[token, part] / wide**0.5
            told = torch.zeros(len(normed), wide)
            if token < count:
                features = maps.features[row, token]
                logits[count + 1 :] += features @ (change.keys[:, part] @ queries[token, part]) / wide**0.5
                logits[count + 1 :] += change.own[head] * maps.own[row, token]
                others = [i for i in range(count + 1) if i != token]
                logits[others] = -torch.inf
                told[count + 1 :] = features @ change.values[:, part]
            else:
                logits[:count] = -torch.inf
                if token > count:
                    logits[count + 1 :] += change.apart[head] * maps.apart[row, token - count - 1]
            result[token] = logits.softmax(0) @ (values[:, part] + told)
        results.append(result)
    return through("out_proj", torch.cat(results, dim=1))
