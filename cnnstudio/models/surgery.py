"""Changes to a network that has its weights already."""

from torch import nn

from cnnstudio.models.network import Network


def replace_head(network: Network, classes: int) -> None:
    """Put a new, freshly initialised last layer on the network, on the device of the old one.

    Args:
        network: Changed in place; its note on the head says `1000 → 6 classes`.
        classes: Number of logits from now on.
    """
    old = network.get_submodule(network.head)
    assert isinstance(old, nn.Linear)
    new = nn.Linear(old.in_features, classes, device=old.weight.device, dtype=old.weight.dtype)
    network.set_submodule(network.head, new.train(old.training))
    network.notes[network.head] = f"{old.out_features} → {classes} classes"
