"""Networks written here: a U-Net, whose result is a map."""

import torch
from torch import nn
from torch.nn import functional as F

import exporters
from zoo.network import Network, Images


def double_convolution(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(),
        nn.Conv2d(after, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(),
    )


class UNet(nn.Module):
    """Down twice by pooling; up once by a transposed convolution, once by bilinear interpolation; two maps of the image's size."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.bottom = double_convolution(3, 8), double_convolution(8, 16), double_convolution(16, 32)
        self.up = nn.ConvTranspose2d(32, 16, 2, stride=2)
        self.third, self.fourth = double_convolution(32, 16), double_convolution(24, 8)
        self.last = nn.Conv2d(8, 2, 1)

    def forward(self, x):
        first = self.first(x)
        second = self.second(F.max_pool2d(first, 2))
        bottom = self.bottom(F.max_pool2d(second, 2))
        third = self.third(torch.cat([second, self.up(bottom)], 1))
        upper = F.interpolate(third, scale_factor=2, mode="bilinear", align_corners=False)
        return self.last(self.fourth(torch.cat([first, upper], 1)))


NETWORKS: dict[str, Network] = {
    f"unet-{flavour}": Network("written here", Images(32), "mse", build=UNet, export=export)
    for flavour, export in {"folded": exporters.torchscript, "kept": exporters.torchscript_kept, "dynamo": exporters.dynamo}.items()
}
