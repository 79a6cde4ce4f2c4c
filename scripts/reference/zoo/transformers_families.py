"""Small versions of families of Hugging Face transformers: text encoders and decoders with dynamic batch and sequence, vision models."""

import transformers as tf
from torch import nn

from zoo.network import CLASSES, Family, Features, Images, Tokens

VOCABULARY = 50
SIZES = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64)
WORDS = dict(vocab_size=VOCABULARY, max_position_embeddings=32, pad_token_id=0, bos_token_id=1, eos_token_id=2)
TEXT = Tokens(VOCABULARY, "input_ids", "attention_mask")
SEGMENTED = Tokens(VOCABULARY, "input_ids", "attention_mask", "token_type_ids")


class Called(nn.Module):
    """A model that takes its inputs by name and returns the named part of its result."""

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
    """A text model with its classification head, with the names that most of them use."""
    return family(f"{stem}{kind}", f"{stem}Config", inputs, part, **(WORDS | SIZES | options))


def vision(stem: str, size: int = 32, kind: str = "ForImageClassification", part: str = "logits", **options) -> Family:
    settings = dict(image_size=size, patch_size=8) | SIZES | options
    return family(f"{stem}{kind}", f"{stem}Config", Images(size), part, ["pixel_values"], **settings)


DECODER = dict(vocab_size=VOCABULARY, pad_token_id=0, bos_token_id=1, eos_token_id=2, use_cache=False)
STATES = "last_hidden_state"


def decoder(stem: str, kind: str = "Model", part: str = STATES, inputs=TEXT, **options) -> Family:
    """A language model's states: attention looks back only."""
    return family(f"{stem}{kind}", f"{stem}Config", inputs, part, **(DECODER | options))


ROTARY = SIZES | dict(max_position_embeddings=32)
"""The sizes of decoders with rotary positions; most have fewer key heads than query heads."""
GPT2 = dict(n_embd=32, n_layer=2, n_head=2, n_positions=32)
T5 = dict(d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2)
BART = dict(
    d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64,
    max_position_embeddings=32, decoder_start_token_id=2, forced_eos_token_id=2,
)

TEXTS: dict[str, Family] = {
    "bert": text("Bert"),
    "albert": text("Albert", embedding_size=16),
    "electra": text("Electra", embedding_size=16),
    "distilbert_hf": text("DistilBert", TEXT, dim=32, n_layers=2, n_heads=2, hidden_dim=64),
    "mpnet": text("MPNet", TEXT),
    "roberta": text("Roberta", TEXT, pad_token_id=1),
    "xlm_roberta": text("XLMRoberta", TEXT, pad_token_id=1),
    "camembert": text("Camembert", TEXT, pad_token_id=1),
    "ernie": text("Ernie"),
    "nystromformer": text("Nystromformer", num_landmarks=4, segment_means_seq_len=4),
    "roformer": text("RoFormer", embedding_size=32),
    "fnet": text("FNet", Tokens(VOCABULARY, "input_ids", "token_type_ids")),
    "layoutlm": text("LayoutLM", Tokens(VOCABULARY, "input_ids", "bbox", "attention_mask"), max_2d_position_embeddings=64),
    "lilt": text("Lilt", Tokens(VOCABULARY, "input_ids", "bbox", "attention_mask"), max_2d_position_embeddings=64, channel_shrink_ratio=2, hidden_size=48),
    "modernbert": text("ModernBert", TEXT, cls_token_id=1, sep_token_id=2, local_attention=8),
    "deberta": text("Deberta", relative_attention=True, pos_att_type=["c2p", "p2c"]),
    "deberta_v2": text("DebertaV2", relative_attention=True, pos_att_type=["c2p", "p2c"], position_buckets=8, norm_rel_ebd="layer_norm", share_att_key=True),
    "xlnet": decoder("XLNet", inputs=SEGMENTED, d_model=32, n_layer=2, n_head=2, d_inner=64),
    "xlm": text("XLM", TEXT, kind="Model", part=STATES, emb_dim=32, n_layers=2, n_heads=2, n_words=VOCABULARY),
    "flaubert": text("Flaubert", TEXT, kind="Model", part=STATES, emb_dim=32, n_layers=2, n_heads=2, n_words=VOCABULARY),
    "bigbird": text("BigBird", attention_type="original_full"),
    "longformer": text("Longformer", TEXT, attention_window=4, pad_token_id=1),
    "canine": text("Canine", kind="Model", part=STATES, num_hash_buckets=16, local_transformer_stride=4, downsampling_rate=2),
    "splinter": text("Splinter", kind="Model", part=STATES),
    "rembert": text("RemBert", input_embedding_size=16, output_embedding_size=16),
    "ibert": text("IBert", TEXT, pad_token_id=1),
    "data2vec_text": text("Data2VecText", TEXT, pad_token_id=1),
    "esm": text("Esm", TEXT, position_embedding_type="rotary", mask_token_id=3),
    "luke": text("Luke", kind="Model", part=STATES, entity_vocab_size=8, entity_emb_size=8, pad_token_id=1),
    "megatron_bert": text("MegatronBert"),
    "nomic_bert": text("NomicBert"),
    "eurobert": text("EuroBert", TEXT),
    "squeezebert": text("SqueezeBert", q_groups=2, k_groups=2, v_groups=2, intermediate_groups=2, output_groups=2, embedding_size=32),
    "mobilebert": text("MobileBert", embedding_size=16, intra_bottleneck_size=16, true_hidden_size=16, num_attention_heads=2),
    "convbert": text("ConvBert", embedding_size=32),
    "funnel": family(
        "FunnelForSequenceClassification", "FunnelConfig", SEGMENTED, vocab_size=VOCABULARY, block_sizes=[1, 1], num_decoder_layers=1, d_model=32,
        n_head=2, d_head=16, d_inner=64,
    ),
    "clip_text": decoder("CLIPText", **ROTARY),
    "siglip_text": decoder("SiglipText", **ROTARY),
    "gpt2": decoder("GPT2", **GPT2),
    "gpt_neo": decoder("GPTNeo", hidden_size=32, num_layers=2, num_heads=2, attention_types=[[["global", "local"], 1]], max_position_embeddings=32, window_size=4),
    "gpt_neox": decoder("GPTNeoX", **ROTARY),
    "gptj": decoder("GPTJ", rotary_dim=8, **GPT2),
    "gpt_openai": decoder("OpenAIGPT", **GPT2),
    "opt": decoder("OPT", hidden_size=32, num_hidden_layers=2, ffn_dim=64, num_attention_heads=2, max_position_embeddings=32, word_embed_proj_dim=32),
    "bloom": decoder("Bloom", hidden_size=32, n_layer=2, n_head=2),
    "mpt": decoder("Mpt", d_model=32, n_layers=2, n_heads=2, max_seq_len=32),
    "falcon": decoder("Falcon", alibi=False, **SIZES),
    "llama": decoder("Llama", num_key_value_heads=1, **ROTARY),
    "mistral": decoder("Mistral", num_key_value_heads=1, **ROTARY),
    "qwen2": decoder("Qwen2", num_key_value_heads=1, **ROTARY),
    "qwen3": decoder("Qwen3", num_key_value_heads=1, head_dim=16, **ROTARY),
    "gemma": decoder("Gemma", num_key_value_heads=1, head_dim=16, **ROTARY),
    "gemma2": decoder("Gemma2", num_key_value_heads=1, head_dim=16, sliding_window=8, **ROTARY),
    "phi": decoder("Phi", **ROTARY),
    "stablelm": decoder("StableLm", num_key_value_heads=2, **ROTARY),
    "olmo2": decoder("Olmo2", **ROTARY),
    "biogpt": decoder("BioGpt", **ROTARY),
    "ctrl": decoder("CTRL", n_embd=32, n_layer=2, n_head=2, dff=64, n_positions=32),
    "mamba": decoder("Mamba", inputs=Tokens(VOCABULARY, "input_ids"), hidden_size=32, num_hidden_layers=2, state_size=4),
    "rwkv": decoder("Rwkv", inputs=Tokens(VOCABULARY, "input_ids"), hidden_size=32, num_hidden_layers=2, attention_hidden_size=32),
    "t5_encoder": family("T5EncoderModel", "T5Config", TEXT, STATES, **(DECODER | T5)),
    "umt5_encoder": family("UMT5EncoderModel", "UMT5Config", TEXT, STATES, **(DECODER | T5)),
    "bart": text("Bart", TEXT, kind="Model", part=STATES, use_cache=False, **BART),
    "mbart": text("MBart", TEXT, kind="Model", part=STATES, use_cache=False, **BART),
}

VISION: dict[str, Family] = {
    "vit_hf": vision("ViT"),
    "deit_hf": vision("DeiT"),
    "beit_hf": vision("Beit", use_relative_position_bias=True, use_mask_token=False),
    "data2vec_vision": vision("Data2VecVision", use_relative_position_bias=True),
    "dinov2_registers": vision("Dinov2WithRegisters", num_register_tokens=2, mlp_ratio=2),
    "dinov3": vision("DINOv3ViT", kind="Model", part=STATES, num_register_tokens=2),
    "ijepa": vision("IJepa"),
    "vit_msn": vision("ViTMSN"),
    "vit_mae": family(
        "ViTMAEModel", "ViTMAEConfig", Features(pixel_values=[3, 32, 32], noise=[16]), STATES, image_size=32, patch_size=8, mask_ratio=0.5, **SIZES,
    ),
    "yolos": vision("Yolos", kind="Model", part=STATES, image_size=[32, 32], num_detection_tokens=4),
    "siglip_vision": vision("SiglipVision", kind="Model", part="pooler_output"),
    "clip_vision": vision("CLIPVision", kind="Model", part="pooler_output"),
    "aimv2_vision": vision("Aimv2Vision", kind="Model", part=STATES),
    "dpt": vision(
        "DPT", kind="ForDepthEstimation", part="predicted_depth", num_hidden_layers=4, backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 16, 32, 32], fusion_hidden_size=16, is_hybrid=False,
    ),
    "swin_hf": family(
        "SwinForImageClassification", "SwinConfig", Images(32), names=["pixel_values"], image_size=32, patch_size=2, window_size=4, embed_dim=16,
        depths=[1, 1], num_heads=[2, 4],
    ),
    "swin_v2_hf": family(
        "Swinv2ForImageClassification", "Swinv2Config", Images(32), names=["pixel_values"], image_size=32, patch_size=2, window_size=4, embed_dim=16,
        depths=[1, 1], num_heads=[2, 4],
    ),
    "segformer": family(
        "SegformerForSemanticSegmentation", "SegformerConfig", Images(64), names=["pixel_values"], depths=[1, 1, 1, 1], hidden_sizes=[8, 16, 24, 32],
        num_attention_heads=[1, 1, 2, 2], decoder_hidden_size=16,
    ),
    "glpn": family(
        "GLPNForDepthEstimation", "GLPNConfig", Images(64), "predicted_depth", ["pixel_values"], depths=[1, 1, 1, 1], hidden_sizes=[8, 16, 24, 32],
        num_attention_heads=[1, 1, 2, 2], decoder_hidden_size=16,
    ),
    "pvt": family(
        "PvtForImageClassification", "PvtConfig", Images(64), names=["pixel_values"], image_size=64, depths=[1, 1, 1, 1], hidden_sizes=[8, 16, 24, 32],
        num_attention_heads=[1, 1, 2, 2],
    ),
    "mobilevit_hf": family(
        "MobileViTForImageClassification", "MobileViTConfig", Images(64), names=["pixel_values"], image_size=64, hidden_sizes=[16, 24, 32],
        neck_hidden_sizes=[8, 8, 16, 24, 32, 32, 64],
    ),
    "poolformer_hf": family(
        "PoolFormerForImageClassification", "PoolFormerConfig", Images(64), names=["pixel_values"], depths=[1, 1, 1, 1], hidden_sizes=[8, 16, 24, 32],
    ),
    "focalnet_hf": family(
        "FocalNetForImageClassification", "FocalNetConfig", Images(64), names=["pixel_values"], image_size=64, embed_dim=16, depths=[1, 1, 1, 1],
        hidden_sizes=[16, 32, 64, 128],
    ),
    "convnext_v2_hf": family(
        "ConvNextV2ForImageClassification", "ConvNextV2Config", Images(64), names=["pixel_values"], depths=[1, 1, 1, 1], hidden_sizes=[8, 16, 24, 32],
    ),
    "resnet_hf": family(
        "ResNetForImageClassification", "ResNetConfig", Images(64), names=["pixel_values"], depths=[1, 1, 1, 1], hidden_sizes=[16, 32, 48, 64],
        embedding_size=8,
    ),
    "levit_hf": family(
        "LevitForImageClassification", "LevitConfig", Images(64), names=["pixel_values"], image_size=64, hidden_sizes=[32, 48, 64],
        num_attention_heads=[2, 3, 4], depths=[1, 1, 1], key_dim=[8, 8, 8],
    ),
    "hiera_hf": family(
        "HieraForImageClassification", "HieraConfig", Images(64), names=["pixel_values"], image_size=[64, 64], embed_dim=16, depths=[1, 1, 1, 1],
        num_heads=[1, 2, 4, 8], mask_ratio=0.0,
    ),
}

WAVE = dict(conv_dim=[16, 16], conv_stride=[5, 4], conv_kernel=[10, 8], num_feat_extract_layers=2, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2)

SOUNDS: dict[str, Family] = {
    "wav2vec2": family(
        "Wav2Vec2Model", "Wav2Vec2Config", Features(input_values=[400]), STATES, mask_time_prob=0.0, **WAVE, **SIZES, vocab_size=VOCABULARY,
    ),
    "hubert": family("HubertModel", "HubertConfig", Features(input_values=[400]), STATES, mask_time_prob=0.0, **WAVE, **SIZES, vocab_size=VOCABULARY),
    "audio_spectrogram": family(
        "ASTForAudioClassification", "ASTConfig", Features(input_values=[64, 32]), patch_size=8, frequency_stride=8, time_stride=8, max_length=64,
        num_mel_bins=32, **SIZES,
    ),
    "whisper_encoder": Family("transformers", Features(input_features=[16, 64]), build=lambda: WhisperStates()),
    "patch_time_series": family(
        "PatchTSTForRegression", "PatchTSTConfig", Features(past_values=[32, 3]), "regression_outputs", context_length=32, num_input_channels=3,
        patch_length=8, patch_stride=8, d_model=16, num_hidden_layers=2, num_attention_heads=2, ffn_dim=32, num_targets=2, scaling=None,
    ),
    "patch_time_mixer": family(
        "PatchTSMixerForRegression", "PatchTSMixerConfig", Features(past_values=[32, 3]), "regression_outputs", context_length=32,
        num_input_channels=3, patch_length=8, patch_stride=8, d_model=16, num_layers=2, num_targets=2, scaling=None,
    ),
}


class WhisperStates(nn.Module):
    """Whisper's encoder alone."""

    def __init__(self):
        super().__init__()
        config = tf.WhisperConfig(
            d_model=32, encoder_layers=2, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64,
            num_mel_bins=16, max_source_positions=32, vocab_size=VOCABULARY, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
        )
        self.model = tf.WhisperModel(config).encoder

    def forward(self, input_features):
        return self.model(input_features).last_hidden_state


FAMILIES: dict[str, Family] = {**TEXTS, **VISION, **SOUNDS}
