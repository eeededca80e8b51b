#!/usr/bin/env python3
"""What the fuzz targets begin with: small right files of every format, written with Python's own library alone.

    tools/make_fuzz_seeds.py OUTPUT      writes OUTPUT/TARGET/NAME; the build does so

Equal runs write equal files, so a corpus does not grow by them. Tokenizers' vocabularies are cut from tests/golden/text.
"""

import gzip
import hashlib
import io
import json
import math
import pickle
import struct
import sys
import tarfile
import types
import zipfile
from collections import OrderedDict
from pathlib import Path

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden"


class Storage:
    def __init__(self, kind, key, count):
        self.id = ("storage", kind, key, "cpu", count)


class Tensor:
    """Pickled as torch.save pickles one."""

    def __init__(self, storage, offset, shape, stride, parameter=False):
        self.arguments, self.parameter = (storage, offset, shape, stride, False, OrderedDict()), parameter

    def __reduce__(self):
        torch = sys.modules["torch._utils"]
        if self.parameter:
            return torch._rebuild_parameter, (Tensor(*self.arguments[:4]), True, OrderedDict())
        return torch._rebuild_tensor_v2, self.arguments


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        return value.id if isinstance(value, Storage) else None


def pickled(value, protocol=2):
    file = io.BytesIO()
    Pickler(file, protocol).dump(value)
    return file.getvalue()


def pretend_torch():
    """Modules with the names that torch's pickles call; nothing of torch is needed to write them."""
    package, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in ("FloatStorage", "HalfStorage", "LongStorage", "BoolStorage"):
        setattr(package, name, type(name, (), {"__module__": "torch"}))
    for name in ("_rebuild_tensor_v2", "_rebuild_parameter"):
        function = types.FunctionType((lambda *_: None).__code__, {}, name)
        function.__module__, function.__qualname__ = "torch._utils", name
        setattr(utils, name, function)
    sys.modules.update({"torch": package, "torch._utils": utils})
    return package


def state_dicts(torch):
    floats, longs = Storage(torch.FloatStorage, "0", 16), Storage(torch.LongStorage, "1", 7)
    plain = OrderedDict({"a": Tensor(floats, 0, (2, 3), (3, 1)), "b": Tensor(longs, 1, (), ()), "t": Tensor(floats, 4, (3, 2), (1, 3))})
    nested = {"epoch": 3, "loss": 0.5, "model": {"w": Tensor(floats, 0, (4,), (1,), parameter=True)}, "list": [None, True, "x"]}
    return {"plain": plain, "nested": nested}


def safetensors(tensors, metadata=None):
    header, data = {"__metadata__": metadata} if metadata else {}, b""
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + data


def stored_zip(files, comment=b""):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
        archive.comment = comment
    return file.getvalue()


def zip64(name, data):
    """One entry whose sizes and place stand in zip64 fields, and the zip64 directory."""
    far = 0xFFFFFFFF
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 45, 0, 0, 0, 0, 0, len(data), len(data), len(name), 0) + name + data
    extra = struct.pack("<2H3Q", 1, 24, len(data), len(data), 0)
    central = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 45, 45, 0, 0, 0, 0, 0, far, far, len(name), len(extra), 0, 0, 0, 0, far) + name + extra
    end64 = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, len(central), len(local))
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, len(local) + len(central), 1)
    return local + central + end64 + locator + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, far, far, 0)


def folder(files):
    """Several files as one input: tests/fuzz/folder.h."""
    return b"\n".join(b"%% " + name.encode() + b"\n" + (data if isinstance(data, bytes) else json.dumps(data).encode()) for name, data in files.items())


def archives(torch):
    small = safetensors({"a": ("F32", [2], bytes(8)), "b": ("BOOL", [3], b"\1\0\1"), "e": ("I64", [0, 4], b"")}, {"format": "pt"})
    half, whole = safetensors({"h": ("BF16", [1, 2], b"\x80?\x80?")}), safetensors({"w": ("F64", [], bytes(8))})
    storages = {"x/data/0": bytes(64), "x/data/1": bytes(56)}
    machine = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    frame = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps(machine, 2)
    seeds = {"safetensors": {"small": small, "empty": safetensors({})}, "pickle": {}, "torch_archive": {}}
    for name, value in state_dicts(torch).items():
        keys = ["0", "1"] if name == "plain" else ["0"]
        behind = pickle.dumps(keys, 2) + b"".join(struct.pack("<Q", n) + bytes(n * size) for n, size in [(16, 4), (7, 8)][:len(keys)])
        for protocol in (2, 4):
            made = pickled(value, protocol)
            seeds["pickle"][f"{name}{protocol}"] = made
            seeds["torch_archive"][f"{name}_zip{protocol}"] = b"Z" + made
        seeds["torch_archive"][f"{name}_legacy"] = b"L" + pickled(value) + behind
        seeds["torch_archive"][f"{name}_whole_legacy"] = frame + pickled(value) + behind
        seeds["torch_archive"][f"{name}_whole"] = stored_zip({"x/data.pkl": pickled(value), "x/byteorder": b"little", **storages})
    index = {"metadata": {"total_size": 12}, "weight_map": {"h": "a", "w": "b"}}
    seeds["weight_archive"] = {"index": folder({"model.safetensors.index.json": index, "a": half, "b": whole}),
                               "long": folder({"model.safetensors.index.json": {"weight_map": {"h": "b" * 300}}}),
                               "safetensors": folder({"model.safetensors": small}),
                               "torch": folder({"pytorch_model.bin": seeds["torch_archive"]["plain_whole"]}),
                               "mixed": folder({"model.safetensors.index.json": {"weight_map": {"h": "a", "a": "b", "b": "b", "t": "b"}}, "a": half,
                                                "b": seeds["torch_archive"]["plain_whole_legacy"]})}
    seeds["zip"] = {"two": stored_zip({"a": b"text", "d/": b"", "d/b": b""}), "comment": stored_zip({"a": b""}, b"words behind"), "zip64": zip64(b"a/b", b"bytes")}
    return seeds


def run_folders():
    """Small checkpoints: what a run folder says of itself, the shapes of its weights, links that lead somewhere."""
    text = {"model": "", "hidden_size": 4, "num_hidden_layers": 1, "intermediate_size": 8, "max_position_embeddings": 16, "position_biased_input": False,
            "relative_attention": True, "max_relative_positions": -1, "position_buckets": 3}
    image = {"model": "", "size": 32, "pos": "none", "num_hidden_layers": 1, "intermediate_size": 8, "stage_blocks": [1, 1, 1, 1], "stage_widths": [4, 4, 6, 8],
             "stem_width": 4, "stem_kernel": 3, "stem_stride": 2, "stem_pool": True}
    config = {"model_type": "infig", "id2label": {"0": "no", "1": "yes"}, "text_encoder": {"model_type": "deberta-v2", "vocab_size": 8},
              "image_backbone": {"model_type": "resnet"},
              "infig": {"text": text, "image": image, "gam": {"proj_dim": 0, "clip_dim": 2}, "hfam": {"proj_dim": 0}, "fusion": {"num_hidden_layers": 1, "intermediate_size": 8}}}
    encoder = {**text, "model_type": "deberta-v2", "vocab_size": 8, "embedding_size": 4}
    resnet = {"model_type": "resnet", "layer_type": "basic", "depths": [1, 1, 1, 1], "hidden_sizes": [4, 4, 6, 8], "embedding_size": 4, "stem_kernel": 3}
    published = {**config, "text_encoder": encoder, "image_backbone": resnet, "clip_embed_dim": 3,
                 "infig": {**config["infig"], "text": {**text, "model": "x"}, "image": {**image, "model": "y", "pos": "learned"}}}
    convnext = {"model_type": "convnext", "depths": [1, 1], "hidden_sizes": [4, 6], "kernel_sizes": [7, 3], "stem": "patch", "patch_size": 4}
    blocks = [{"kind": kind, "in_channels": 4, "expanded": 4, "out_channels": 4, "kernel": 3, "stride": 2, "squeezed": 2} for kind in ("separable", "plain")]
    inverted = {"model_type": "inverted-net", "stem_width": 4, "head_width": 4, "stages": [[blocks[0]], [blocks[1]]]}
    shapes = {"text_encoder.embeddings.word_embeddings.weight": [8, 4], "text_encoder.embeddings.LayerNorm.weight": [4],
              "text_encoder.encoder.rel_embeddings.weight": [6, 4], "image_encoder.backbone.conv1.weight": [4, 3, 3, 3], "head.classifier.weight": [2, 4],
              "gam.clip_image_projection.weight": [2, 3], "image_encoder.position_embeddings": [2, 4]}
    shapes.update({f"{layer}.intermediate.dense.weight": [8, 4] for layer in ("text_encoder.encoder.layer.0", "image_encoder.layer.0", "fusion.layer.0")})
    shapes.update({f"image_encoder.backbone.layer{i + 1}.0.conv1.weight": [width, 4, 3, 3] for i, width in enumerate([4, 4, 6, 8])})
    parts = {"stem.0": [4, 3, 4, 4], "stages.0.blocks.0.conv_dw": [4, 1, 7, 7], "stages.1.blocks.0.conv_dw": [6, 1, 3, 3], "conv_stem": [4, 3, 3, 3], "conv_head": [4, 4, 1, 1],
             "blocks.0.0.conv_dw": [4, 1, 3, 3], "blocks.0.0.conv_pw": [4, 4, 1, 1], "blocks.0.0.se.conv_reduce": [2, 4, 1, 1], "blocks.1.0.conv": [4, 4, 1, 1]}
    shapes.update({f"image_encoder.backbone.{name}.weight": shape for name, shape in parts.items()})
    header, end = {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}
    words = {"vectors_found": [5], "net.words.weight": [5, 4], "class_words": [3, 2], **{f"image_encoder.backbone.{name}": shape for name, shape in (("conv1.weight", [4, 3, 3, 3]),)}}
    words.update({f"image_encoder.backbone.layer{i + 1}.0.conv1.weight": [width, 4, 3, 3] for i, width in enumerate([4, 4, 6, 8])})
    words_header, end = {}, 0
    for name, shape in words.items():
        begin, end = end, end + 4 * math.prod(shape)
        words_header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}
    baseline = {"model_type": "hsan", "id2label": {"0": "no", "1": "yes"}, "word_rows": 5, "class_names": {"classes": 3, "width": 2}, "image_backbone": {"model_type": "resnet"},
                "hsan": {"words": {"size": 4}, "hsan": {"lstm_size": 3}, "image": {**image}}}
    state = {"format": 1, "infig_version": "0.1.0", "global_step": 6, "epoch": 1, "batch_in_epoch": 2, "best_metric": 0.5, "best_f1_weighted": None, "best_step": 4,
             "evaluations_without_gain": 0, "skipped_steps": 0, "loss_scale": 65536.0, "finished": False, "window": [1, 2, 3, 0.5, 0.5, 0.5, 0.5, 0.5],
             "log_history": [{"step": 4, "epoch": 1.0, "eval_loss": None, "eval_accuracy": 0.5, "eval_f1_weighted": 0.5}]}
    calibration = {"temperature": 1.5, "split": "dev", "posts": 3, "data_sha256": "ab", "loss_before": 1, "loss_after": 0.5, "ece_before": 0.5, "ece_after": None}
    description = {"version": "0.1.0", "data_sha256": "ab", "weights_sha256": {"text.model": {"model.safetensors": "cd"}}}
    bad = {"bad": [{"row": 2, "id": "p", "file": "a.jpg", "status": "broken", "reason": "why"}]}
    tokenizer = {"vocab.txt": b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\n", "tokenizer_config.json": {"tokenizer_class": "BertTokenizer"}}
    features = {"features.json": bad, "features_header": {"features": {"dtype": "F32", "shape": [4, 2, 2], "data_offsets": [0, 64]}}}
    links = b"config.yaml ../outside/file\neval ../outside\ncheckpoints/best step-000001\ncheckpoints/latest ../../outside\ncache/a.partial ../../outside\n"
    return {"run_folder": {
        "checkpoint": folder({"config.json": config, "header": header, "trainer_state.json": state, "calibration.json": calibration, "description.json": description, **tokenizer}),
        "published": folder({"config.json": published, "header": header}),
        "words": folder({"config.json": baseline, "header": words_header, "words.json": {"cut": "lower", "words": ["a", "b", "c"]}}),
        "convnext": folder({"config.json": {**published, "image_backbone": convnext}, "header": header}),
        "inverted": folder({"config.json": {**published, "image_backbone": inverted}, "header": header}),
        "whole": folder({"config.json": config, "model.safetensors": safetensors({"head.classifier.weight": ("F32", [2, 4], bytes(32))})}),
        "features": folder({**features, "features_header": {"features": {"dtype": "F16", "shape": [4, 8], "data_offsets": [0, 64]}}}),
        "features32": folder({"features.json": {"bad": []}, "features.safetensors": safetensors({"features": ("F32", [4, 2, 2], bytes(64))})}),
        "links": folder({"links": links}),
        "more_links": folder({"links": b"checkpoints ../outside\ntrain.log ../outside/file\neval/inner ../../outside\n"})}}


def tokenizers():
    text = GOLDEN / "text"
    special = {"tokenizer_class": "BertTokenizer", "do_lower_case": False, "mask_token": {"content": "[MASK]", "lstrip": True},
               "added_tokens_decoder": {"12": {"content": "#SAD", "rstrip": True, "single_word": True, "normalized": True}}}
    words = b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\n##c\ndon\n'\n#\nsad\n"
    vocabulary = {token: i for i, token in enumerate(words.decode().split())}
    byte_pair = {token: i for i, token in enumerate(["<s>", "<pad>", "</s>", "<unk>", "<mask>", "a", "b", "\u0120", "ab", "\u0120a"])}
    clip = {token: i for i, token in enumerate(["<|startoftext|>", "<|endoftext|>", "a", "b", "b</w>", "ab</w>"])}
    mask = {"tokenizer_class": "RobertaTokenizer", "add_prefix_space": True, "trim_offsets": False, "mask_token": {"content": "<mask>", "lstrip": True}}
    wordpiece = {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": vocabulary}
    pairs = {"type": "BPE", "vocab": byte_pair, "merges": ["a b", ["\u0120", "a"]]}
    added = [{"id": 12, "content": "<user>", "normalized": True}]
    return {
        "wordpiece_files": {
            "vocabulary": folder({"vocab.txt": words, "tokenizer_config.json": special, "config.json": {"model_type": "bert"}}),
            "mpnet": folder({"vocab.txt": b"<s>\n<pad>\n</s>\n<unk>\n[UNK]\n<mask>\na\n##b\n", "special_tokens_map.json": {"cls_token": "<s>"},
                             "added_tokens.json": {"<user>": 8}}),
            "json": folder({"tokenizer.json": {"model": wordpiece, "normalizer": {"lowercase": True, "strip_accents": None}, "added_tokens": added}})},
        "byte_pair_files": {
            "roberta": folder({"vocab.json": byte_pair, "merges.txt": "#version: 0.2\na b\n\u0120 a\n".encode(), "tokenizer_config.json": mask}),
            "clip": folder({"vocab.json": clip, "merges.txt": b"a b</w>\n", "config.json": {"model_type": "clip"}}),
            "json": folder({"tokenizer.json": {"model": pairs, "added_tokens": [{"id": 12, "content": "<user>"}]}, "added_tokens.json": {"#SAD": 13}})},
        "json_tokenizer": {kind.name: folder({"tokenizer.json": (kind / "tokenizer.json").read_bytes()}) for kind in sorted((text / "json").iterdir()) if kind.is_dir()} | {
            "class": folder({"tokenizer.json": {"model": {"type": "Unigram", "unk_id": 3, "vocab": [["[PAD]", 0.0], ["[CLS]", 0.0], ["[SEP]", 0.0], ["[UNK]", 0.0], ["\u2581a", -1.5]]},
                                                "added_tokens": [{"id": 5, "content": "[MASK]", "special": True}]},
                             "tokenizer_config.json": {"tokenizer_class": "DebertaV2Tokenizer", "do_lower_case": True}, "config.json": {"model_type": "deberta-v2"}}),
            "more": folder({"tokenizer.json": {"model": {"type": "WordLevel", "unk_token": "u", "vocab": {"u": 0, "a": 1}}}, "special_tokens_map.json": {"cls_token": "<s>"},
                            "added_tokens.json": {"<user>": 3}, "tokenizer_config.json": {"pad_token": "a", "extra_special_tokens": ["<x>"]}})},
        "clip_merges": {"lines": b"T#version\na b</w>\nb c\nab</w> bc\n", "packed": gzip.compress(b"#version\n" + b"! !\n" * 48894, mtime=0),
                        "short": gzip.compress(b"#version\na b\n", mtime=0)},
        "word_vocabulary": {"words": folder({"words.json": {"cut": "multisentinet", "words": ["the", "caf\u00e9", "i'm", "\U0001f600"]}}),
                            "lower": folder({"words.json": {"cut": "lower", "words": ["a", "!", "#"]}})},
        "word_vectors": {"glove": b"\x01the 0.5 -1e-3\nnew york 1 2\n. +3 4", "header": b"\x022 3\r\nthe 1 2 3 \r\ncat 4 5 6 \r\n", "wide": b"\x00a 1 2 3\n", "mark": b"\x00\xef\xbb\xbfa 1\n"},
        "sentencepiece_model": {"golden": (text / "spm.model").read_bytes()},
        "siglip_pieces": {"golden": folder({"spiece.model": (text / "siglip" / "spiece.model").read_bytes(), "tokenizer_config.json": {"tokenizer_class": "SiglipTokenizer"}}),
                          "more": folder({"spiece.model": (text / "siglip" / "spiece.model").read_bytes(), "config.json": {"model_type": "siglip"}, "tokenizer_config.json": {
                              "do_lower_case": False, "pad_token": "<pad>", "extra_special_tokens": ["<x>"], "added_tokens_decoder": {"55": {"content": "dog", "rstrip": True}}}})},
        "bertweet_files": {
            "plain": folder({"vocab.txt": b"hello 5\nhap@@ 3\npy 2\n", "bpe.codes": b"h a 9\nha p 8\np y</w> 7\nhell o</w> 3\n"}),
            "normalized": folder({"vocab.txt": b"@USER 9\nHTTPURL 8\n", "bpe.codes": b"@ U 9\n@U S 8\n", "tokenizer_config.json": {"tokenizer_class": "BertweetTokenizer", "normalization": True}}),
            "tweet": "SC can't http://a.b/c(d)e &amp; @you #tag 5 p . m . \u2026 \U0001f600 x@y.co 555-1234 :-) <3 ..... &#x27; &#150; foo.na@bar".encode()},
        "tokenizer_text": {f"{kind}{length}": bytes([kind, length]) + sentence.encode() for kind in range(10) for length, sentence in {
            0: "Don't STOP! #SAD @user1 42\u00bd <mask> [SEP] <|endoftext|>x", 6: "e\u0301\u0323 \u00c9 \u4f60\u597d \U0001f600\u200d\t\ufb01\u0130\uac00 \ufffd"}.items()},
    }


def sentence_folders():
    modules = [{"idx": i, "name": str(i), "path": path, "type": "sentence_transformers.models." + kind}
               for i, (path, kind) in enumerate([("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Dense", "Dense"), ("3_Normalize", "Normalize")])]
    old = {"word_embedding_dimension": 4, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True}
    dense = {"in_features": 4, "out_features": 3, "bias": True, "activation_function": "torch.nn.modules.activation.Tanh"}
    return {"sentence_folder": {
        "new": folder({"modules.json": modules, "1_Pooling/config.json": {"embedding_dimension": 4, "pooling_mode": ["cls", "mean"], "include_prompt": True}, "2_Dense/config.json": dense,
                       "sentence_bert_config.json": {"max_seq_length": 128, "do_lower_case": False}}),
        "old": folder({"modules.json": modules[:2], "1_Pooling/config.json": old, "tokenizer_config.json": {"model_max_length": 512},
                       "config_sentence_transformers.json": {"prompts": {"q": "query: "}, "default_prompt_name": "q"}})}}


def answers():
    listing = {"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [
        {"rfilename": "config.json", "size": 10, "blobId": "0123456789abcdef0123456789abcdef01234567"},
        {"rfilename": "model.safetensors", "size": 99, "blobId": "00", "lfs": {"sha256": "01" * 32, "size": 99}}, {"rfilename": "1_Pooling/config.json"}]}
    shards = {"sha": listing["sha"], "siblings": [{"rfilename": f"pytorch_model{end}"} for end in (".bin.index.json", "-00001-of-00002.bin")]}
    clip = {"do_resize": True, "size": {"shortest_edge": 224}, "do_center_crop": True, "crop_size": {"height": 224, "width": 224}, "resample": 3, "do_rescale": True,
            "rescale_factor": 0.00392156862745098, "do_normalize": True, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.2],
            "image_processor_type": "CLIPImageProcessor"}
    convnext = {"feature_extractor_type": "ConvNextFeatureExtractor", "crop_pct": 0.875, "size": 224, "resample": 2, "image_std": None}
    timm = {"architecture": "resnet18", "pretrained_cfg": {"input_size": [3, 288, 288], "interpolation": "bicubic", "crop_pct": 0.95, "crop_mode": "border",
                                                           "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}
    open_clip = {"size": [256, 256], "mode": "RGB", "mean": [0.5, 0.5, 0.5], "std": 0.5, "interpolation": "bilinear", "resize_mode": "longest", "fill_color": 7}
    pair = b"neutral,positive"
    return {"python_list": {"train": b"['91', \"it's # caf\\u00e9 \\n\", 1]\r\n", "valid": "['92', 'caf\u00e9 \\'x\\' \\\\', 1, 0]".encode(),
                            "words": b"['93', 'a', 'b', 'c', 'd', 'e']"},
            "annotator_labels": {"multiple": b"\xef\xbb\xbfID\ttext,image\ttext,image\ttext,image\r\n1\t" + b"\t".join([pair] * 3) + b"\r\n\n2\tnegative , neutral\tneutral,neutral\tpositive,negative",
                                 "tumemo": b"id label\r\n0 Angry\n14554\tbored\n64946 FEARFUL\n"},
            "tumemo_lists": {
                "mgnns": folder({"val_all_anno.json": b'{"id": "3", "text": "x", "label": "love"}\n{"id": 4}\n', "test_all_anno.json": b'{"id": 5, "label": "Angry"}\n'}),
                "plain": folder({"train.txt": b"\xef\xbb\xbf0\r\n1 angry\n\n4294967295\n", "val.txt": b"2\n", "test.txt": b"7\tsad"}),
                "valid": folder({"train.json": b'{"id": "9"}', "valid.txt": b"12\n"})},
            "hub_listing": {"whole": json.dumps(listing).encode(), "shards": json.dumps(shards).encode()},
            "preprocessor": {"clip": json.dumps(clip).encode(), "convnext": json.dumps(convnext).encode(), "timm": json.dumps(timm).encode(),
                             "open_clip": json.dumps(open_clip).encode()}}


def exif(order, entries):
    """A TIFF block of one directory; `entries` are tag, type, count, value."""
    directory = struct.pack(order + "H", len(entries))
    for tag, kind, count, value in entries:
        directory += struct.pack(order + "HHI", tag, kind, count) + struct.pack(order + ("HH" if kind == 3 else "I"), *([value, 0] if kind == 3 else [value]))
    return (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8) + directory + bytes(4)


def pictures():
    """By what they are: the decoder of each format begins with the golden files of its format. Those that stand for sizes alone are left out."""
    signatures = {"jpeg": b"\xff\xd8\xff", "png": b"\x89PNG", "webp": b"RIFF", "gif": b"GIF8", "bmp": b"BM"}
    endings = {".avif": "avif", ".heic": "heic", ".tiff": "tiff", ".jxl": "jxl"}
    seeds = {kind: {} for kind in [*signatures, *endings.values()]}
    for path in sorted([*(GOLDEN / "image" / "files").iterdir(), *(GOLDEN / "image" / "odd").iterdir(), *(GOLDEN / "image" / "modern").iterdir()]):
        data = path.read_bytes()
        if path.suffix in endings:
            seeds[endings[path.suffix]][path.name] = data
            continue
        for kind, signature in signatures.items():
            if data.startswith(signature) and len(data) <= 6000 and not path.name.startswith("huge"):
                seeds[kind][path.name] = data
    turned, caption = (0x0112, 3, 1, 6), (0x010E, 2, 3, 0x00620061)
    seeds["exif"] = {"little": exif("<", [turned]), "big": b"Exif\0\0" + exif(">", [caption, turned]), "nested": exif("<", [(0x8769, 4, 1, 8), turned]),
                     "long": exif("<", [(0x0112, 4, 1, 6)])}
    return seeds


def packs():
    """images.pack (src/data/pack.h): behind R whole, behind F and the count without the footer, which the target makes."""
    seeds = {}
    for name, pictures_of in {"two": [b"\xff\xd8\xff one", b"\xff\xd8\xff two"], "none": [], "one": [b"x"]}.items():
        head, index, at = b"INFIGPCK" + struct.pack("<III", 1, 256, 90) + bytes(12), b"", 32
        for picture in pictures_of:
            index += struct.pack("<QIHH", at, len(picture), 4, 3) + hashlib.sha256(picture).digest()[:16]
            at += len(picture)
        content, count = head + b"".join(pictures_of) + index, len(pictures_of)
        footer = struct.pack("<QQQ", at, count, len(content) + 72) + hashlib.sha256(head + index).digest() + bytes(8) + b"INFIGEND"
        seeds[name], seeds[f"{name}_whole"] = b"F" + bytes([count]) + content, b"R\0" + content + footer
    return {"pack": seeds}


def tables():
    posts = [{"id": "1", "text": "caf\u00e9 \U0001f600", "image": "images/1.jpg", "label": "positive", "split": "train"},
             {"id": 2, "text": None, "label": 1, "split": "valid", "more": [1, {"a": 2.5}]}]
    split = [{"id": "5", "text": "RT @x: \"so\" http://t.co/a", "emotion_label": 0}, {"id": 6, "text": "", "emotion_label": 2}]
    return {
        "delimited_table": {
            "quotes": b'Tid\ttext\tlabel\tsplit\n1\t"so long\tbad\ttrain\n2\tsaid he"\tbad\ttrain\n3\t"a" b\tgood\tdev\n',
            "csv": b"Cid,text,image,label,split\r\n1,\"a, \"\"b\"\"\nc\",images/1.jpg,positive,train\r\n\r\n2,,2.jpg,negative,dev\r\n",
            "tsv": b"T\xef\xbb\xbfsplit\tid\ttext\tlabel\ttags\ntrain\t1\tcaf\xc3\xa9\tpositive\tx\ntest\t2\t\tneutral\t\n",
            "posts": b"Ctext\nwords alone\n", "semicolon": b"Cid;text;label;split\n1;\"a; b\";positive;Train\n2;c;;TEST\n"},
        "json_table": {"array": json.dumps(posts, indent=1).encode(), "posts": b"\n".join(json.dumps(post).encode() for post in posts) + b"\n", "mark": b"\xef\xbb\xbf{\"id\":\"a\",\"label\":\"x\",\"split\":\"test\"}\r\n"},
        "mvsa_labels": {"header": b"ID\ttext,image\r\n1\tneutral,positive\r\n2\tpositive,negative\r\n", "plain": b"\xef\xbb\xbf3\t neutral , neutral\n\n4\tnegative,negative",
                        "pairs": b"1,1,0,1\n2,2,2,2\n3,0,0,0\n", "rows": b"4\n0\n17\n"},
        "captions": {"two": "1\ta dog\ton a caf\u00e9\r\n\nb 2\tboat".encode(), "odd": b"\xef\xbb\xbf1 a\n\tb\n1\t \n"},
        "public_split": {"three": folder({"train.json": split, "dev.json": split[:1], "test.json": [{"id": "7", "text": "x", "emotion_label": 1}]}),
                         "valid": folder({"valid.json": split})},
    }


def tar(form, members):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as out:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
    used = len(file.getvalue().rstrip(b"\0"))
    return file.getvalue()[:(used + 511) // 512 * 512 + 1024]  # without the rest of the last record


def raw_archives():
    """Downloads, and what hides in some: behind R an archive as it is, behind G a tar that the target packs with gzip."""
    members = {"MVSA/data/1.jpg": b"\xff\xd8\xff", "MVSA/data/1.txt": b"a text\n", "MVSA/labelResultAll.txt": b"ID\ttext,image\n1\tpositive,positive\n"}
    climbing = {"../up.txt": b"x", "a/../../up.txt": b"x", "/absolute.txt": b"x", "a/b.txt": b"1", "a/b.txt/c.txt": b"2", "./a//b.txt": b"3", "bell\x07.txt": b"x",
                "back\\slash.txt": b"x", "d/" * 1995 + "deep.txt": b"x"}
    links = io.BytesIO()
    with tarfile.open(fileobj=links, mode="w", format=tarfile.GNU_FORMAT) as out:
        for name, kind, target in [("link.txt", tarfile.SYMTYPE, "../.."), ("hard.txt", tarfile.LNKTYPE, "/etc/passwd"), ("pipe.txt", tarfile.FIFOTYPE, ""),
                                   ("device.txt", tarfile.CHRTYPE, ""), ("folder", tarfile.DIRTYPE, ""), ("link.txt/in.txt", tarfile.REGTYPE, "")]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            out.addfile(info)
    deflated = io.BytesIO()
    with zipfile.ZipFile(deflated, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in {**members, "zeros.jpg": bytes(4 << 20)}.items():
            out.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    linked = io.BytesIO()
    with zipfile.ZipFile(linked, "w") as out:
        info = zipfile.ZipInfo("link.txt")
        info.create_system, info.external_attr = 3, 0o120777 << 16
        out.writestr(info, "/etc")
        out.writestr(zipfile.ZipInfo("link.txt/passwd.txt"), b"x")
    whole = {"zip": stored_zip(members), "zip_climbing": stored_zip({name: data for name, data in climbing.items() if len(name) < 1000}), "zip_linked": linked.getvalue(),
             "zip64": zip64(b"a.jpg", b"jpeg"), "bomb": deflated.getvalue(), "cut": stored_zip(members)[:200], "tar": tar(tarfile.USTAR_FORMAT, members),
             "links": links.getvalue()[:4096], "tar_gz": gzip.compress(tar(tarfile.PAX_FORMAT, members), mtime=0), "gz_bomb": gzip.compress(bytes(8 << 20), mtime=0),
             "tar_bomb": gzip.compress(tar(tarfile.USTAR_FORMAT, {"same.txt": b"x" * (4 << 20)}), mtime=0)}
    packed = {"members": tar(tarfile.GNU_FORMAT, members), "climbing": tar(tarfile.PAX_FORMAT, climbing), "hard_links": links.getvalue()[:4096]}
    return {"raw_archive": {**{name: b"R" + data for name, data in whole.items()}, **{f"packed_{name}": b"G" + data for name, data in packed.items()}}}


def tars():
    members = {"./a.jpg": b"\xff\xd8\xff", "./a.txt": "caf\u00e9".encode(), "./a.cls": b"1\n", "b.json": b'{"id": "b.1", "text": "x", "label": 2, "split": "dev"}', "b.png": b""}
    long = {"x" * 120 + "/\u00e9.txt": b"long", **members}
    return {"tar_rows": {"ustar": tar(tarfile.USTAR_FORMAT, members), "gnu": tar(tarfile.GNU_FORMAT, long), "pax": tar(tarfile.PAX_FORMAT, long)}}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for target, seeds in {**archives(pretend_torch()), **run_folders(), **tokenizers(), **sentence_folders(), **answers(), **pictures(), **packs(), **tables(), **tars(), **raw_archives(), "parquet_rows": {path.stem: path.read_bytes() for path in sorted((GOLDEN / "data").glob("*.parquet"))}}.items():
        place = Path(sys.argv[1]) / target
        place.mkdir(parents=True, exist_ok=True)
        for name, data in seeds.items():
            (place / name).write_bytes(data)


if __name__ == "__main__":
    main()
