"""Families of timm; large ones are scaled down."""

from functools import partial

import timm
from timm.models import efficientnet, focalnet, gcvit, metaformer, mlp_mixer, nest, resnetv2, volo
from timm.layers import StdConv2d
from torch import nn

from zoo.network import CLASSES, Family, Images


def family(name: str, size: int = 64, **options) -> Family:
    def build() -> nn.Module:
        return timm.create_model(name, pretrained=False, num_classes=CLASSES, **options)
    return Family("timm", Images(size), build=build)


def of(make, size: int = 64, **options) -> Family:
    """The same from a model's class, for names whose function does not allow a small size."""
    return Family("timm", Images(size), build=lambda: make(num_classes=CLASSES, **options))


PATCHES = dict(img_size=32, patch_size=8, embed_dim=32, depth=2, num_heads=2)
"""The sizes of a vision transformer."""

CONVOLUTIONAL: dict[str, Family] = {
    "mobileone": family("mobileone_s0"),
    "convmixer": of(timm.models.convmixer.ConvMixer, 32, dim=32, depth=2, patch_size=4, kernel_size=3),
    "convnext_v1": family("convnext_atto", depths=(1, 1, 1, 1), dims=(8, 16, 24, 32)),
    "cspdarknet": family("cs3darknet_s"),
    "densenet": family("densenet121", block_config=(2, 2, 2, 2), growth_rate=8),
    "dla": family("dla46_c"),
    "dpn": family("dpn48b", k_sec=(1, 1, 1, 1)),
    "edgenext": family("edgenext_xx_small", depths=(1, 1, 2, 1)),
    "efficientnet_v2_timm": of(partial(efficientnet._gen_efficientnetv2_s, "efficientnetv2_rw_t"), channel_multiplier=0.25, depth_multiplier=0.3),
    "mixnet": of(partial(efficientnet._gen_mixnet_s, "mixnet_s"), channel_multiplier=0.5),
    "fasternet": family("fasternet_t0", embed_dim=16, depths=(1, 1, 2, 1)),
    "ghostnet_v3": family("ghostnetv3_050"),
    "hrnet": family("hrnet_w18_small"),
    "inception_next": family("inception_next_atto"),
    "lcnet": family("lcnet_050"),
    "mobilenet_v3_timm": family("mobilenetv3_small_050"),
    "eca_nfnet": family("eca_nfnet_l0", 64, depths=(1, 1, 1, 1), channels=(32, 48, 64, 64), group_size=8),
    "nf_regnet": family("nf_regnet_b0", depths=(1, 1, 1, 1), channels=(16, 32, 48, 64), group_size=8),
    "repghost": family("repghostnet_050"),
    "repvit": family("repvit_m0_9", depth=(1, 1, 2, 1), embed_dim=(16, 24, 32, 48)),
    "resnet_d": family("resnet18d", 64, layers=(1, 1, 1, 1), channels=(16, 24, 32, 48)),
    "resnet_eca": family("ecaresnet26t", 64, layers=(1, 1, 1, 1), channels=(16, 24, 32, 48)),
    "resnet_gc": family("gcresnext26ts", 64),
    "resnet_blur": family("resnetblur18", 64, layers=(1, 1, 1, 1), channels=(16, 24, 32, 48)),
    "resnet_v2_bit": of(resnetv2.ResNetV2, layers=(1, 1, 1, 1), channels=(128, 128, 128, 128), stem_chs=32, stem_type="fixed", conv_layer=StdConv2d),
    "rexnet": family("rexnet_100", width_mult=0.5),
    "sknet": family("skresnet18", 64, layers=(1, 1, 1, 1), channels=(16, 24, 32, 48)),
    "starnet": family("starnet_s050"),
    "swiftformer": family("swiftformer_xs"),
    "tresnet": family("tresnet_m", layers=(1, 1, 1, 1), width_factor=0.5),
    "vovnet": family("ese_vovnet19b_slim"),
    "mambaout": family("mambaout_femto", depths=(1, 1, 2, 1), dims=(16, 24, 32, 48)),
    "rdnet": family("rdnet_tiny", num_init_features=16, growth_rates=(16, 16, 16, 16, 16, 16, 16)),
}

TRANSFORMERS: dict[str, Family] = {
    "cait": family("cait_xxs24_224", 32, depth_token_only=1, **PATCHES),
    "coat": family("coat_lite_tiny", 64, img_size=64, serial_depths=(1, 1, 1, 1)),
    "convit": family("convit_tiny", 32, local_up_to_layer=1, **(PATCHES | dict(embed_dim=16))),
    "crossvit": family("crossvit_tiny_240", 240, embed_dim=(16, 32), num_heads=(2, 2), depth=((1, 1, 0),)),
    "davit": family("davit_tiny", 64, depths=(1, 1, 1, 1), embed_dims=(16, 24, 32, 48), num_heads=(2, 2, 2, 2)),
    "deit3": family("deit3_small_patch16_224", 32, **PATCHES),
    "efficientformer": family("efficientformer_l1", 224, depths=(1, 1, 1, 2), embed_dims=(16, 24, 32, 48)),
    "efficientformer_v2": family("efficientformerv2_s0", 64, img_size=64, depths=(1, 1, 2, 2)),
    "efficientvit_mit": family("efficientvit_b0"),
    "efficientvit_msra": family("efficientvit_m0", 64, img_size=64),
    "eva02": family("eva02_tiny_patch14_224", 32, **PATCHES),
    "fastvit": family("fastvit_t8", 64),
    "focalnet": of(focalnet.FocalNet, depths=(1, 1, 1, 1), embed_dim=16),
    "gcvit": of(gcvit.GlobalContextVit, img_size=64, depths=(1, 1, 2, 1), embed_dim=16, num_heads=(2, 2, 4, 4), window_size=(4, 4, 4, 2)),
    "hiera": family("hiera_tiny_224", 64, img_size=(64, 64), embed_dim=16, stages=(1, 1, 1, 1), num_heads=1),
    "iformer": family("iformer_t"),
    "levit": family("levit_128s", 64, img_size=64, embed_dim=(32, 48, 64), num_heads=(2, 3, 4), depth=(1, 1, 1), key_dim=8),
    "coatnet": family("coatnet_pico_rw_224", 64, img_size=64, depths=(1, 1, 1, 1)),
    "caformer": of(metaformer.MetaFormer, depths=(1, 1, 1, 1), dims=(16, 24, 32, 64), token_mixers=[metaformer.SepConv, metaformer.SepConv, metaformer.Attention, metaformer.Attention], norm_layers=[metaformer.LayerNorm2dNoBias] * 2 + [metaformer.LayerNormNoBias] * 2),
    "poolformer": of(metaformer.MetaFormer, depths=(1, 1, 1, 1), dims=(16, 24, 32, 64), downsample_norm=None, mlp_act=nn.GELU, mlp_bias=True, norm_layers=metaformer.GroupNorm1, layer_scale_init_values=1e-5, res_scale_init_values=None, use_mlp_head=False),
    "mlp_mixer": of(mlp_mixer.MlpMixer, 32, img_size=32, patch_size=8, num_blocks=2, embed_dim=32, block_layer=mlp_mixer.MixerBlock),
    "gmlp": of(mlp_mixer.MlpMixer, 32, img_size=32, patch_size=8, num_blocks=2, embed_dim=32, block_layer=mlp_mixer.SpatialGatingBlock, mlp_ratio=4, mlp_layer=timm.layers.GatedMlp),
    "resmlp": of(mlp_mixer.MlpMixer, 32, img_size=32, patch_size=8, num_blocks=2, embed_dim=32, block_layer=mlp_mixer.ResBlock, mlp_ratio=4),
    "mobilevit": family("mobilevit_xxs"),
    "naflexvit": family("naflexvit_base_patch16_gap", 32, embed_dim=32, depth=2, num_heads=2),
    "nest": of(nest.Nest, 32, img_size=32, embed_dims=(16, 24, 32), depths=(1, 1, 1), num_heads=(2, 2, 2)),
    "pit": family("pit_ti_224", 224),
    "pvt_v2": family("pvt_v2_b0", 64, depths=(1, 1, 1, 1)),
    "sequencer": family("sequencer2d_s", 64, img_size=64, layers=(1, 1, 1, 1), embed_dims=(16, 32, 32, 32), hidden_sizes=(8, 8, 8, 8)),
    "swin": family("swin_tiny_patch4_window7_224", 32, img_size=32, patch_size=2, window_size=4, embed_dim=16, depths=(2, 2), num_heads=(2, 4)),
    "swin_v2_timm": family("swinv2_tiny_window8_256", 32, img_size=32, patch_size=2, window_size=4, embed_dim=16, depths=(2, 2), num_heads=(2, 4)),
    "swin_v2_cr": family("swinv2_cr_tiny_224", 32, img_size=32, patch_size=2, window_size=4, embed_dim=16, depths=(2, 2), num_heads=(2, 4)),
    "tiny_vit": family("tiny_vit_5m_224", 224, embed_dims=(16, 24, 32, 48), depths=(1, 1, 2, 1), num_heads=(2, 2, 2, 2)),
    "tnt": family("tnt_s_patch16_224", 32, img_size=32, patch_size=8, embed_dim=32, inner_dim=8, depth=2, num_heads_outer=2),
    "twins_pcpvt": family("twins_pcpvt_small", 64, img_size=64, depths=(1, 1, 1, 1), embed_dims=(16, 24, 32, 48), num_heads=(1, 2, 2, 2)),
    "twins_svt": family("twins_svt_small", 64, img_size=64, depths=(2, 2, 2, 2), embed_dims=(16, 24, 32, 48), num_heads=(1, 2, 2, 2), wss=(4, 4, 4, 2)),
    "visformer": family("visformer_tiny", 64, img_size=64, embed_dim=48, depth=(1, 1, 1)),
    "vit": family("vit_tiny_patch16_224", 32, **PATCHES),
    "vit_siglip_map": family("vit_base_patch16_siglip_gap_224", 32, **PATCHES),
    "vit_relpos": family("vit_relpos_small_patch16_224", 32, **PATCHES),
    "vit_srelpos": family("vit_srelpos_small_patch16_224", 32, **PATCHES),
    "vit_hybrid": family("vit_tiny_r_s16_p8_224", 64, img_size=64, embed_dim=32, depth=2, num_heads=2),
    "vit_sam": family("samvit_base_patch16_224", 64, img_size=64, patch_size=8, embed_dim=32, depth=2, num_heads=2, window_size=4, global_attn_indexes=(1,)),
    "volo": of(volo.VOLO, img_size=64, layers=(1, 1, 1, 1), embed_dims=(32, 32, 32, 32), num_heads=(2, 2, 2, 2), mlp_ratio=2.0, use_mix_token=False),
    "xcit": family("xcit_nano_12_p8_224", 32, img_size=32, depth=2, embed_dim=32, num_heads=2),
    "beit": family("beit_base_patch16_224", 32, **PATCHES),
}

FAMILIES: dict[str, Family] = {**CONVOLUTIONAL, **TRANSFORMERS}
