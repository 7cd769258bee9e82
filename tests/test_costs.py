"""The costs of each layer, counted by arithmetic, against the network as it runs."""

from itertools import product

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from unet_book.costs import layer_costs
from unet_book.sizes import VARIANTS, feature_map_sizes, nearest_valid_sizes
from unet_book.unet import UNet


def on_paper(**arguments):
    """A network of any width that takes no memory, and so has nothing to compute with."""
    with torch.device("meta"):
        return UNet(**arguments).eval()


def maps_of(model, size):
    """Name and shape (C, H, W) of the map that each layer writes, in the order in which they run.

    A concatenation is seen where a decoder reads it.
    """
    maps = []
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.MaxPool2d):
            layer.register_forward_hook(
                lambda _layer, _inputs, output, name=name: maps.append((name, *output.shape[1:]))
            )
    for decoder in model.decoders:
        decoder.register_forward_pre_hook(
            lambda _decoder, inputs: maps.append(("join", *inputs[0].shape[1:]))
        )
    model(torch.empty(1, model.in_channels, size, size, device="meta"))
    return maps


@pytest.mark.parametrize("depth, variant, base", [*product(range(1, 6), VARIANTS, (1, 3, 64))])
def test_costs_are_of_the_maps_that_the_network_writes(depth, variant, base):
    model = on_paper(in_channels=3, num_classes=5, base_channels=base, depth=depth, variant=variant)
    size = nearest_valid_sizes(2**depth * 14, depth, variant)[1]
    costs = layer_costs(model, size)
    written = [(layer.name, layer.channels, layer.height, layer.width) for layer in costs]
    assert written == maps_of(model, size)
    layers = dict(model.named_modules())
    for layer in costs:
        weights = [] if layer.name == "join" else layers[layer.name].parameters()
        assert layer.parameters == sum(w.numel() for w in weights)


@pytest.mark.parametrize("variant, tile", [("paper", 60), ("released", 60), ("same", 64)])
def test_costs_are_those_of_the_framework_s_own_counter(variant, tile):
    model = UNet(2, 3, base_channels=4, depth=2, variant=variant)
    costs = layer_costs(model, tile)
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 2, tile, tile))
    assert sum(c.flop for c in costs if "conv" in c.kind) == counter.get_total_flops()
    assert sum(c.parameters for c in costs) == sum(w.numel() for w in model.parameters())


def test_costs_follow_the_order_and_the_sizes_of_the_drawing():
    costs = layer_costs(on_paper(), 572)
    convolutions = [c for c in costs if "conv" in c.kind]
    assert len(convolutions) == 23 and sum(c.parameters for c in convolutions) == 31_030_658
    assert sum(c.flop for c in convolutions) == 300_856_848_896
    written = [c.height for c in costs if c.kind == "conv 3x3"]
    assert written == [side for triple in feature_map_sizes(572) for side in triple[1:]]
    assert [c.channels for c in costs if c.kind == "concatenation"] == [1024, 512, 256, 128]
    assert [c.height for c in costs if c.kind == "max-pool 2x2"] == [284, 140, 68, 32]
    assert costs[0].values == 64 * 570 * 570
    pooled = [c for c in costs if c.kind == "max-pool 2x2"]
    assert all(c.flop == 3 * c.values and c.parameters == 0 for c in pooled)


def test_costs_do_not_depend_on_the_precision():
    model = UNet(base_channels=2, depth=1)
    assert layer_costs(model.double(), 18) == layer_costs(model.half(), 18)


def test_a_tile_that_does_not_fit_costs_nothing_but_an_error():
    with pytest.raises(ValueError, match="nearest sizes that do are 18 and 20"):
        layer_costs(on_paper(base_channels=2, depth=1), 19)


def test_a_subclass_with_silent_skips_still_copies_them():
    class Narrow(UNet):
        def join(self, skip, upsampled):
            return super().join(torch.zeros_like(skip), upsampled)

    costs = layer_costs(Narrow(base_channels=2, depth=1), 18)
    assert [c.channels for c in costs if c.kind == "concatenation"] == [4]
