"""Families of Hugging Face transformers in small: text encoders and decoders with dynamic batch and sequence, vision models."""

import transformers as tf
from torch import nn

from zoo.network import CLASSES, Family, Features, Pictures, Tokens

VOCABULARY = 50
SIZES = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64)
WORDS = dict(vocab_size=VOCABULARY, max_position_embeddings=32, pad_token_id=0, bos_token_id=1, eos_token_id=2)
TEXT = Tokens(VOCABULARY, "input_ids", "attention_mask")
SEGMENTED = Tokens(VOCABULARY, "input_ids", "attention_mask", "token_type_ids")


class Called(nn.Module):
    """A model that takes its inputs by name and gives the named part of its result."""

    def __init__(self, model: nn.Module, names: list[str], part: str):
        super().__init__()
        self.model, self.names, self.part = model, names, part

    def forward(self, first, second=None, third=None, fourth=None):  # torch.export wants a name for each
        given = dict(zip(self.names, (first, second, third, fourth)))
        return getattr(self.model(**given, return_dict=True), self.part)


def family(model: str, config: str, inputs, part: str = "logits", names: list[str] | None = None, **options) -> Family:
    def build() -> nn.Module:
        settings = getattr(tf, config)(num_labels=CLASSES, **options)
        return Called(getattr(tf, model)(settings), names or list(inputs.dynamic), part)
    return Family("transformers", inputs, build=build)


def text(stem: str, inputs=SEGMENTED, kind: str = "ForSequenceClassification", part: str = "logits", **options) -> Family:
    """A text model with its classification head, of the names that most of them have."""
    return family(f"{stem}{kind}", f"{stem}Config", inputs, part, **(WORDS | SIZES | options))


def vision(stem: str, size: int = 32, kind: str = "ForImageClassification", part: str = "logits", **options) -> Family:
    settings = dict(image_size=size, patch_size=8) | SIZES | options
    return family(f"{stem}{kind}", f"{stem}Config", Pictures(size), part, ["pixel_values"], **settings)


DECODER = dict(vocab_size=VOCABULARY, pad_token_id=0, bos_token_id=1, eos_token_id=2, use_cache=False)

TEXTS: dict[str, Family] = {
    "bert": text("Bert"),
    "albert": text("Albert", embedding_size=16),
    "gpt2": family(
        "GPT2Model", "GPT2Config", TEXT, "last_hidden_state", n_embd=32, n_layer=2, n_head=2, n_positions=32, **DECODER,
    ),
    "t5_encoder": family(
        "T5EncoderModel", "T5Config", TEXT, "last_hidden_state", d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2, **DECODER,
    ),
    "convbert": text("ConvBert", embedding_size=32),
    "mobilebert": text("MobileBert", embedding_size=16, intra_bottleneck_size=16, true_hidden_size=16, num_attention_heads=2),
    "squeezebert": text("SqueezeBert", q_groups=2, k_groups=2, v_groups=2, intermediate_groups=2, output_groups=2, embedding_size=32),
    "funnel": family(
        "FunnelForSequenceClassification", "FunnelConfig", SEGMENTED, vocab_size=VOCABULARY, block_sizes=[1, 1], num_decoder_layers=1, d_model=32,
        n_head=2, d_head=16, d_inner=64,
    ),
    "deberta": text("Deberta", relative_attention=True, pos_att_type=["c2p", "p2c"]),
}

VISION: dict[str, Family] = {
    "vit_mae": family(
        "ViTMAEModel", "ViTMAEConfig", Features(pixel_values=[3, 32, 32], noise=[16]), "last_hidden_state", image_size=32, patch_size=8, mask_ratio=0.5,
        **SIZES,
    ),
    "dpt": vision(
        "DPT", kind="ForDepthEstimation", part="predicted_depth", num_hidden_layers=4, backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 16, 32, 32], fusion_hidden_size=16, is_hybrid=False,
    ),
    "swin_hf": family(
        "SwinForImageClassification", "SwinConfig", Pictures(32), names=["pixel_values"], image_size=32, patch_size=2, window_size=4, embed_dim=16,
        depths=[1, 1], num_heads=[2, 4],
    ),
}

FAMILIES: dict[str, Family] = {**TEXTS, **VISION}
