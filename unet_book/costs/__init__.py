"""What the network costs: parameters, operations and values of each layer, and a step's memory.

All of it follows from the channels of the layers and the sizes of the maps; nothing has to run.
`layers` counts each layer, and `memory` what a training step has in memory at each moment.
"""

from unet_book.costs.layers import LayerCost, layer_costs
from unet_book.costs.memory import Account, LayerMemory, account, largest_tile, peak

__all__ = ["LayerCost", "layer_costs", "LayerMemory", "Account", "account", "largest_tile", "peak"]
