"""Tiny text models with real tokenizers: test/fixtures/texts/{bert,roberta}.

Each is a folder in the Hugging Face Hub's layout (tokenizer.json, tokenizer_config.json, config.json, onnx/model.onnx), the tokenizer trained
by `tokenizers` on the sentences below, the weights random. `expected.json` has Python's results for texts: their tokens, truncated to 12, and
with padding the encoder's mean over tokens (bert) or the classifier's scores (roberta).

    python scripts/reference/texts.py
"""

import json
from itertools import product
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, RobertaConfig, RobertaForSequenceClassification

FOLDER = Path(__file__).parents[2] / "test" / "fixtures" / "texts"
LONGEST = 12
SUBJECTS = ["the film", "this phone", "our dinner", "the long book", "a new song", "the old hotel"]
WORDS = ["wonderful", "great", "lovely", "fine", "terrible", "awful", "boring", "poor", "late", "cheap"]
CORPUS = [f"{subject} was {word}, and we {verb} it!" for subject, word, verb in product(SUBJECTS, WORDS, ["liked", "hated", "left"])]
TEXTS = [
    "The film was wonderful, and we liked it!",
    "awful",
    "",
    "Café déjà-vu: 北京 “quoted” 123.45 & <tag>",
    "our dinner was late and this phone was terrible and the long book was boring and poor",
]


def write(name, tokenizer, config, tokenizer_config, model, outputs, inputs):
    folder = FOLDER / name
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    (folder / "tokenizer.json").write_text(tokenizer.to_str() + "\n")
    save = lambda file, value: (folder / file).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
    save("tokenizer_config.json", tokenizer_config)
    save("config.json", config)

    class Wrapped(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, *tensors):
            return self.model(**dict(zip(inputs, tensors)))[0]

    wrapped = Wrapped().eval()
    example = [torch.ones(2, 7, dtype=torch.int64) for _ in inputs]
    example[0] = torch.arange(14).reshape(2, 7) + 5
    axes = {name: {0: "batch_size", 1: "sequence_length"} for name in inputs} | {outputs: {0: "batch_size"}}
    if outputs == "last_hidden_state":
        axes[outputs] = {0: "batch_size", 1: "sequence_length"}
    torch.onnx.export(
        wrapped, tuple(example), folder / "onnx" / "model.onnx", input_names=inputs, output_names=[outputs],
        dynamic_axes=axes, opset_version=17, dynamo=False,
    )
    tokenizer.enable_truncation(LONGEST)
    encoded = [tokenizer.encode(text) for text in TEXTS]
    longest = max(len(e.ids) for e in encoded)
    pad = config["pad_token_id"]
    ids = torch.tensor([e.ids + [pad] * (longest - len(e.ids)) for e in encoded])
    mask = torch.tensor([[1] * len(e.ids) + [0] * (longest - len(e.ids)) for e in encoded])
    tensors = {"input_ids": ids, "attention_mask": mask, "token_type_ids": torch.zeros_like(ids)}
    with torch.no_grad():
        values = wrapped(*[tensors[name] for name in inputs])
        if outputs == "last_hidden_state":
            values = (values * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    save("expected.json", {
        "maxLength": LONGEST,
        "texts": [{"text": t, "ids": e.ids, "values": [round(v, 6) for v in row.tolist()]} for t, e, row in zip(TEXTS, encoded, values)],
    })


def bert():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=200, special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=48, max_position_embeddings=40, attn_implementation="eager", initializer_range=0.2,
    )
    write(
        "bert", tokenizer,
        {"model_type": "bert", "hidden_size": 32, "max_position_embeddings": 40, "pad_token_id": 0},
        {"tokenizer_class": "BertTokenizer", "model_max_length": 40, "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]", "mask_token": "[MASK]", "do_lower_case": True},
        BertModel(config, add_pooling_layer=False), "last_hidden_state", ["input_ids", "attention_mask", "token_type_ids"],
    )


def roberta():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=360, special_tokens=special, initial_alphabet=alphabet))
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    torch.manual_seed(2)
    config = RobertaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=24, num_hidden_layers=2, num_attention_heads=2, num_labels=3,
        intermediate_size=32, max_position_embeddings=34, type_vocab_size=1, attn_implementation="eager",
        initializer_range=0.2, pad_token_id=1,
    )
    labels = ["negative", "neutral", "positive"]
    write(
        "roberta", tokenizer,
        {"model_type": "roberta", "hidden_size": 24, "max_position_embeddings": 34, "pad_token_id": 1, "id2label": dict(enumerate(labels))},
        {"tokenizer_class": "RobertaTokenizer", "model_max_length": 512, "pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>", "unk_token": "<unk>", "mask_token": "<mask>"},
        RobertaForSequenceClassification(config), "logits", ["input_ids", "attention_mask"],
    )


bert()
roberta()
