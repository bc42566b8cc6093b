"""The exponential moving average of the weights, which is steadier than the weights of any one step."""

import copy
from typing import Any, Final

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from cnnstudio.models.network import Network

_HEAD_START: Final = 10  # steps by which the decay lags behind while it warms up


class Average:
    """Twins of a network that have the averages of all weights which learn (Polyak and Juditsky, 1992).

    The decay warms up: after step t, counted from 1, an average moves by 1 − d towards its weight, where
    d = min(decay, (1 + t) / (10 + t)). It begins at 2/11, so that the first weights are soon forgotten, and reaches 0.9
    after 80 steps, 0.99 after 890, 0.999 after 8,990; until then the average is over about the last ninth of all steps.

    With a decay of 0 they are the network itself.

    What is frozen, and BatchNorm's running statistics, are the network's own tensors.

    Attributes:
        network: Twin of the whole network.
        module: Twin of the module that is trained: the same network, or the part above what is frozen.
    """

    def __init__(self, network: Network, module: nn.Module, decay: float) -> None:
        """Begin with the weights as they are.

        Args:
            network: The whole network, frozen as it will be.
            module: The one that is trained; it shares its tensors with the network.
            decay: The highest decay, from 0 to less than 1.
        """
        self.network, self.module = network, module
        self._decay, self._steps = decay, 0
        self._weights: list[nn.Parameter] = []
        self._averages: dict[str, nn.Parameter] = {}
        if not decay:
            return
        learning = {name: each for name, each in network.named_parameters() if each.requires_grad}
        shared = [each for each in (*network.parameters(), *network.buffers()) if not each.requires_grad]
        self.network, self.module = copy.deepcopy((network, module), {id(each): each for each in shared})
        self.network.requires_grad_(False).eval()
        self.module.eval()
        self._weights = list(learning.values())
        self._averages = {name: self.network.get_parameter(name) for name in learning}

    @torch.no_grad()
    def follow(self) -> None:
        """Take in the weights after a step."""
        if not self._decay:
            return
        self._steps += 1
        decay = min(self._decay, (1 + self._steps) / (_HEAD_START + self._steps))
        get_ema_multi_avg_fn(decay)(list(self._averages.values()), self._weights, self._steps)  # type: ignore[no-untyped-call]

    def state_dict(self) -> dict[str, Any]:
        """Return the averages and the count of steps, to go on from."""
        return {"steps": self._steps, "weights": {name: each.detach() for name, each in self._averages.items()}}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the averages of another process.

        Raises:
            KeyError: They are of another network.
        """
        for name, average in self._averages.items():
            average.copy_(state["weights"][name])
        self._steps = state["steps"]
