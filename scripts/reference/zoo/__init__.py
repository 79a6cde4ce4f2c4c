"""The networks of test/fixtures/networks by name, NETWORK-FLAVOUR."""

from zoo import own, timm_nets, torchvision_nets, transformers_nets
from zoo.network import Network

NETWORKS: dict[str, Network] = {
    **torchvision_nets.NETWORKS, **timm_nets.NETWORKS, **transformers_nets.NETWORKS, **own.NETWORKS,
}
