"""torchvision's convolutional networks; large ones are scaled down."""

from functools import partial

import torchvision.models as zoo
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models import efficientnet, inception

import exporters
from zoo.network import CLASSES, Network, Images


def vgg11() -> nn.Module:
    """VGG11's layout at an eighth of its width."""
    features = zoo.vgg.make_layers([8, "M", 16, "M", 32, 32, "M", 64, 64, "M", 64, 64, "M"], batch_norm=True)
    net = zoo.VGG(features, num_classes=CLASSES, init_weights=False)
    net.avgpool = nn.AdaptiveAvgPool2d((2, 2))
    net.classifier[0] = nn.Linear(64 * 2 * 2, 64)
    net.classifier[3] = nn.Linear(64, 64)
    net.classifier[6] = nn.Linear(64, CLASSES)
    return net


def resnext() -> nn.Module:
    """ResNeXt's bottleneck with 8 groups of 8, two blocks per stage."""
    return zoo.ResNet(zoo.resnet.Bottleneck, [2, 2, 2, 2], num_classes=CLASSES, groups=8, width_per_group=8)


class NarrowConv(inception.BasicConv2d):
    """Inception's convolution at an eighth of its width."""

    def __init__(self, in_channels: int, out_channels: int, **options):
        super().__init__(max(in_channels // 8, 3), out_channels // 8, **options)


def inception_v3() -> nn.Module:
    blocks = [inception.InceptionA, inception.InceptionB, inception.InceptionC, inception.InceptionD, inception.InceptionE]
    narrow = [partial(block, conv_block=NarrowConv) for block in blocks]
    net = zoo.Inception3(CLASSES, aux_logits=False, init_weights=False, inception_blocks=[NarrowConv, *narrow, NarrowConv])
    net.fc = nn.Linear(2048 // 8, CLASSES)
    return net


def efficientnet_v2() -> nn.Module:
    """EfficientNetV2's fused blocks, then those with squeeze and excitation."""
    fused, plain = efficientnet.FusedMBConvConfig, efficientnet.MBConvConfig
    settings = [fused(1, 3, 1, 8, 8, 1), fused(4, 3, 2, 8, 16, 2), plain(4, 3, 2, 16, 24, 2), plain(6, 3, 1, 24, 32, 1)]
    return efficientnet.EfficientNet(settings, dropout=0.2, last_channel=64, num_classes=CLASSES)


def convnext() -> nn.Module:
    setting = zoo.convnext.CNBlockConfig
    return zoo.ConvNeXt([setting(16, 32, 2), setting(32, 64, 2), setting(64, None, 2)], num_classes=CLASSES)


def vit() -> nn.Module:
    return zoo.VisionTransformer(32, 8, num_layers=2, num_heads=2, hidden_dim=32, mlp_dim=64, num_classes=CLASSES)


def swin_v2() -> nn.Module:
    """Cosine attention with continuous position biases, in windows of 4 by 4."""
    return zoo.SwinTransformer(
        [2, 2], embed_dim=16, depths=[2], num_heads=[2], window_size=[4, 4], num_classes=CLASSES,
        block=zoo.swin_transformer.SwinTransformerBlockV2,
    )


def maxvit() -> nn.Module:
    """Attention in blocks and over a grid of 4 by 4."""
    return zoo.MaxVit((32, 32), 16, 4, [16, 32], [1, 1], 8, 0.0, num_classes=CLASSES)


WITH_BATCH_NORM = {
    "resnet18": lambda: zoo.resnet18(num_classes=CLASSES),
    "mobilenet_v2": lambda: zoo.mobilenet_v2(num_classes=CLASSES),
    "mobilenet_v3_small": lambda: zoo.mobilenet_v3_small(num_classes=CLASSES),
    "efficientnet_b0": lambda: zoo.efficientnet_b0(num_classes=CLASSES),
    "densenet121": lambda: zoo.densenet121(num_classes=CLASSES),
    "resnext": resnext,
    "vgg11": vgg11,
    "mnasnet0_5": lambda: zoo.mnasnet0_5(num_classes=CLASSES),
    "shufflenet_v2_x0_5": lambda: zoo.shufflenet_v2_x0_5(num_classes=CLASSES),
    "googlenet": lambda: zoo.googlenet(num_classes=CLASSES, aux_logits=False, init_weights=False, transform_input=True),
    "regnet_y_400mf": lambda: zoo.regnet_y_400mf(num_classes=CLASSES),
    "mobilenet_v3_large": lambda: zoo.mobilenet_v3_large(num_classes=CLASSES),
}
WITHOUT_MARGIN = {"densenet121"}  # has so many corners that none of a hundred inputs is far from all of them


def folded(build):
    """The same network without the batch norms that directly follow a convolution; the convolutions keep their names."""
    def fold() -> nn.Module:
        graph_module = fx.symbolic_trace(build().eval())
        modules = dict(graph_module.named_modules())

        def replace(name: str, module: nn.Module) -> None:
            parent, _, child = name.rpartition(".")
            setattr(modules[parent], child, module)

        for node in graph_module.graph.nodes:
            if node.op != "call_module" or not isinstance(modules[node.target], nn.BatchNorm2d):
                continue
            source = node.args[0]
            if source.op == "call_module" and isinstance(modules[source.target], nn.Conv2d) and len(source.users) == 1:
                replace(source.target, fuse_conv_bn_eval(modules[source.target], modules[node.target]))
                replace(node.target, nn.Identity())
        return graph_module
    return fold


def torchvision(build, export=exporters.torchscript, inputs=None, margin: float = 2e-4) -> Network:
    return Network("torchvision", inputs or Images(), margin=margin, build=build, export=export)


def both_flavours(name: str, build) -> dict[str, Network]:
    margin = float("inf") if name in WITHOUT_MARGIN else 2e-4
    return {
        f"{name}-folded": torchvision(folded(build), margin=margin),
        f"{name}-kept": torchvision(build, exporters.torchscript_kept, margin=margin),
    }


NETWORKS: dict[str, Network] = {
    **{name: network for net, build in WITH_BATCH_NORM.items() for name, network in both_flavours(net, build).items()},
    "squeezenet1_1-folded": torchvision(folded(lambda: zoo.squeezenet1_1(num_classes=CLASSES))),
    "resnext-dynamo": torchvision(resnext, exporters.dynamo),
    "mobilenet_v3_small-dynamo": torchvision(WITH_BATCH_NORM["mobilenet_v3_small"], exporters.dynamo),
    "inception_v3-folded": torchvision(folded(inception_v3), inputs=Images(80)),
    "efficientnet_v2-kept": torchvision(efficientnet_v2, exporters.torchscript_kept),
    "efficientnet_v2-dynamo": torchvision(efficientnet_v2, exporters.dynamo),
    "vit-torchscript": torchvision(vit, inputs=Images(32)),
    "vit-dynamo": torchvision(vit, exporters.dynamo, Images(32)),
    "vit-ort_extended": torchvision(vit, exporters.extended(exporters.torchscript), Images(32)),
    "swin_v2-torchscript": torchvision(swin_v2, inputs=Images(32)),
    "maxvit-kept": torchvision(maxvit, exporters.torchscript_kept, Images(32)),
    "convnext-torchscript": torchvision(convnext),
    "convnext-dynamo": torchvision(convnext, exporters.dynamo),
}
