"""Networks of timm; large ones are scaled down."""

import timm
from timm.models import beit, efficientnet, ghostnet, mobilenetv3, swin_transformer, vision_transformer
from torch import nn

import exporters
from zoo.network import CLASSES, Network, Images


def created(name: str, **options):
    return lambda: timm.create_model(name, pretrained=False, num_classes=CLASSES, **options)


def mobilenet_v1() -> nn.Module:
    return efficientnet._gen_mobilenet_v1("mobilenetv1_100", 0.25, num_classes=CLASSES)


def mobilenet_v4_conv() -> nn.Module:
    return mobilenetv3._gen_mobilenet_v4("mobilenetv4_conv_small_050", 0.25, num_classes=CLASSES)


def mobilenet_v4_hybrid() -> nn.Module:
    """MobileNetV4 with multi-query attention: all heads share keys and values."""
    return mobilenetv3._gen_mobilenet_v4("mobilenetv4_hybrid_medium_075", 0.25, num_classes=CLASSES)


def ghostnet_v2() -> nn.Module:
    """GhostNetV2, whose gate is computed at half the resolution and interpolated."""
    return ghostnet._create_ghostnet("ghostnetv2_100", width=0.3, version="v2", num_classes=CLASSES)


def deit() -> nn.Module:
    """DeiT's classification by two tokens, whose scores are averaged."""
    return timm.create_model(
        "deit_tiny_distilled_patch16_224", pretrained=False, num_classes=CLASSES, img_size=32, patch_size=8, embed_dim=32, depth=2, num_heads=2,
    )


def swin() -> nn.Module:
    """Shifted windows of 4 by 4, merged once."""
    return swin_transformer.SwinTransformer(
        img_size=32, patch_size=2, window_size=4, embed_dim=16, depths=(2, 2), num_heads=(2, 4), num_classes=CLASSES,
    )


def beit_small() -> nn.Module:
    return beit.Beit(
        img_size=32, patch_size=8, embed_dim=32, depth=2, num_heads=2, use_abs_pos_emb=False, use_rel_pos_bias=True, init_values=0.1,
        num_classes=CLASSES,
    )


def vit_registers() -> nn.Module:
    """DINOv2's later form: register tokens, layer scale, average pooling, and a gated feed-forward network."""
    return vision_transformer.VisionTransformer(
        img_size=32, patch_size=8, embed_dim=32, depth=2, num_heads=2, reg_tokens=4, init_values=0.1, global_pool="avg", fc_norm=True,
        mlp_layer=timm.layers.SwiGLUPacked, mlp_ratio=2, act_layer=nn.SiLU, num_classes=CLASSES,
    )


def network(build, export=exporters.torchscript, inputs=None) -> Network:
    return Network("timm", inputs or Images(), build=build, export=export)


SMALL = Images(32)

NETWORKS: dict[str, Network] = {
    "mobilenet_v1-folded": network(mobilenet_v1),
    "mobilenet_v1-kept": network(mobilenet_v1, exporters.torchscript_kept),
    "mobilenet_v4_conv-folded": network(mobilenet_v4_conv),
    "mobilenet_v4_conv-dynamo": network(mobilenet_v4_conv, exporters.dynamo),
    "mobilenet_v4_conv-ort_basic": network(mobilenet_v4_conv, exporters.basic(exporters.torchscript_kept)),
    "mobilenet_v4_conv-ort_extended": network(mobilenet_v4_conv, exporters.extended(exporters.torchscript)),
    "mobilenet_v4_hybrid-folded": network(mobilenet_v4_hybrid),
    "ghostnet-folded": network(created("ghostnet_050")),
    "ghostnet_v2-folded": network(ghostnet_v2),
    "nfnet-torchscript": network(created("test_nfnet"), exporters.torchscript_kept),
    "nfnet-dynamo": network(created("test_nfnet"), exporters.dynamo),
    "convnext_v2-torchscript": network(created("test_convnext2")),
    "deit-torchscript": network(deit, inputs=SMALL),
    "deit-dynamo": network(deit, exporters.dynamo, SMALL),
    "swin-torchscript": network(swin, inputs=SMALL),
    "swin-dynamo": network(swin, exporters.dynamo, SMALL),
    "beit-torchscript": network(beit_small, inputs=SMALL),
    "vit_registers-torchscript": network(vit_registers, inputs=SMALL),
    "mobilevit-dynamo": network(created("mobilevit_xxs"), exporters.dynamo),
    "mobilevit_v2-kept": network(created("mobilevitv2_050"), exporters.torchscript_kept),
}
