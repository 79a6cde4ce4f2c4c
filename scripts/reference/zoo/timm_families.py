"""Families of timm, in small where theirs is large."""

import timm
from torch import nn

from zoo.network import CLASSES, Family, Pictures


def family(name: str, size: int = 64, **options) -> Family:
    def build() -> nn.Module:
        return timm.create_model(name, pretrained=False, num_classes=CLASSES, **options)
    return Family("timm", Pictures(size), build=build)


WIDTHS = (8, 16, 24, 32)

FAMILIES: dict[str, Family] = {
    "swin": family("swin_tiny_patch4_window7_224", 32, img_size=32, patch_size=2, window_size=4, embed_dim=16, depths=(2, 2), num_heads=(2, 4)),
    "levit": family("levit_128s", 64, img_size=64, embed_dim=(32, 48, 64), num_heads=(2, 3, 4), depth=(1, 1, 1), key_dim=8),
    "eca_nfnet": family("eca_nfnet_l0", 64, depths=(1, 1, 1, 1), channels=(32, 48, 64, 64), group_size=8),
    "hrnet": family("hrnet_w18_small", 64),
}
