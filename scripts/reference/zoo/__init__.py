"""The networks of test/fixtures/networks by name, NETWORK-FLAVOUR, and the families of families.py."""

from zoo import own, own_families, timm_families, timm_nets, torchvision_nets, transformers_families, transformers_nets
from zoo.network import Family, Network

NETWORKS: dict[str, Network] = {
    **torchvision_nets.NETWORKS, **timm_nets.NETWORKS, **transformers_nets.NETWORKS, **own.NETWORKS,
}

FAMILIES: dict[str, Family] = {**timm_families.FAMILIES, **transformers_families.FAMILIES, **own_families.FAMILIES}
