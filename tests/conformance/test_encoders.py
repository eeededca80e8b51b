"""infig encode text against transformers, live: random weights in every switch; real weights where weights/ holds them.

Needs transformers, torch and safetensors, and INFIG_BINARY (default build/bin/infig). Ids come from infig's own output, so each test is about
the encoder alone.
"""

import json

import pytest
import torch
from encoder_tools import ROOT, WORDS, encode, near, posts, probe, randomize, real_posts, weights_of

transformers = pytest.importorskip("transformers")
transformers.logging.set_verbosity_error()

SMALL = dict(vocab_size=260, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=48, hidden_dropout_prob=0.0,
             attention_probs_dropout_prob=0.0)
LENGTHS = [0, 1, 2, 3, 7, 8, 15, 30, 31, 62, 63, 100, 126, 127, 128, 254, 255, 300, 509, 510, 511]


def write_tokenizer(folder, kind):
    """Vocabulary files of the model's kind; the words are made so that each is one token."""
    if kind == "deberta-v2":
        (folder / "spm.model").write_bytes((ROOT / "tests/golden/text/spm.model").read_bytes())
        return
    if kind in ("bert", "mpnet", "electra", "distilbert", "modernbert"):
        special = ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"] if kind == "mpnet" else ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        (folder / "vocab.txt").write_text("\n".join(special + WORDS) + "\n")
        settings = dict(tokenizer_class="MPNetTokenizer" if kind == "mpnet" else "BertTokenizer", do_lower_case=True)
        if kind == "mpnet":
            settings |= dict(bos_token="<s>", cls_token="<s>", eos_token="</s>", sep_token="</s>", pad_token="<pad>", unk_token="[UNK]", mask_token="<mask>")
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
        return
    letters = [chr(code) for code in range(97, 123)]
    vocabulary = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "\u0120", *letters]
    merges = [("\u0120", word[0]) for word in WORDS[::5]] + [("\u0120" + word[0], word[1]) for word in WORDS if "\u0120" + word[0]]
    vocabulary += [first + second for first, second in merges]
    (folder / "vocab.json").write_text(json.dumps({token: index for index, token in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{first} {second}\n" for first, second in merges))
    (folder / "tokenizer_config.json").write_text(json.dumps(dict(tokenizer_class="RobertaTokenizer")))


def save_text_model(folder, kind, config, seed=7, **arguments):
    model = transformers.AutoModel.from_config(config, attn_implementation="eager", **arguments)
    randomize(model, seed).save_pretrained(folder)
    write_tokenizer(folder, kind)
    return model


def config_of(kind, **switches):
    settings = SMALL | switches
    if kind == "deberta-v2":
        return transformers.DebertaV2Config(**(dict(max_position_embeddings=512, relative_attention=True, position_buckets=32, pos_att_type=["p2c", "c2p"],
                                                    share_att_key=True, norm_rel_ebd="layer_norm", position_biased_input=False, type_vocab_size=0) | settings))
    if kind == "bert":
        return transformers.BertConfig(**(dict(max_position_embeddings=512) | settings))
    if kind == "mpnet":
        return transformers.MPNetConfig(**(dict(max_position_embeddings=514) | settings))
    if kind == "electra":
        return transformers.ElectraConfig(**(dict(max_position_embeddings=512, embedding_size=20) | settings))
    if kind == "distilbert":
        names = dict(hidden_size="dim", num_hidden_layers="n_layers", num_attention_heads="n_heads", intermediate_size="hidden_dim", hidden_act="activation",
                     hidden_dropout_prob="dropout", attention_probs_dropout_prob="attention_dropout")
        return transformers.DistilBertConfig(**(dict(max_position_embeddings=512) | {names.get(key, key): value for key, value in settings.items()}))
    if kind == "modernbert":
        plain = {key: value for key, value in settings.items() if not key.endswith("dropout_prob")}
        special = dict(pad_token_id=0, bos_token_id=2, cls_token_id=2, eos_token_id=3, sep_token_id=3)
        return transformers.ModernBertConfig(**(special | dict(max_position_embeddings=512, local_attention=32) | plain))
    classes = {"roberta": transformers.RobertaConfig, "xlm-roberta": transformers.XLMRobertaConfig}
    return classes[kind](**(dict(max_position_embeddings=514, type_vocab_size=1) | settings))


DEBERTA = [
    dict(), dict(relative_attention=False), dict(position_biased_input=True), dict(position_biased_input=True, relative_attention=False, type_vocab_size=2),
    dict(max_relative_positions=64), dict(position_buckets=-1), dict(position_buckets=-1, max_relative_positions=40), dict(position_buckets=256),
    dict(pos_att_type=["c2p"]), dict(pos_att_type=["p2c"]), dict(pos_att_type=[]), dict(pos_att_type="c2p|p2c"),
    dict(share_att_key=False), dict(share_att_key=False, pos_att_type=["c2p"]), dict(share_att_key=False, pos_att_type=["p2c"]),
    dict(norm_rel_ebd="none"), dict(type_vocab_size=3), dict(embedding_size=20), dict(embedding_size=40, position_biased_input=True, type_vocab_size=2),
    dict(conv_kernel_size=3, conv_act="gelu"), dict(conv_kernel_size=5, conv_groups=4), dict(conv_kernel_size=1, conv_act="relu"),
    dict(hidden_act="relu"), dict(hidden_act="gelu_new"), dict(hidden_act="silu"), dict(hidden_act="quick_gelu"), dict(hidden_act="tanh"),
    dict(hidden_act="mish"), dict(layer_norm_eps=1e-3), dict(num_attention_heads=1), dict(num_attention_heads=32),
]
CASES = [("deberta-v2", switches) for switches in DEBERTA]
CASES += [("bert", switches) for switches in [dict(), dict(type_vocab_size=1), dict(hidden_act="relu"), dict(layer_norm_eps=1e-3), dict(hidden_act="gelu_pytorch_tanh")]]
CASES += [("roberta", switches) for switches in [dict(), dict(hidden_act="gelu_fast"), dict(type_vocab_size=2)]]
CASES += [("xlm-roberta", switches) for switches in [dict(), dict(hidden_act="relu", pad_token_id=1)]]
CASES += [("electra", switches) for switches in [dict(), dict(embedding_size=32), dict(embedding_size=48, hidden_act="relu"), dict(type_vocab_size=1)]]
CASES += [("distilbert", switches) for switches in [dict(), dict(activation="relu"), dict(n_heads=1), dict(sinusoidal_pos_embds=True)]]
CASES += [("modernbert", switches) for switches in [
    dict(), dict(local_attention=128), dict(local_attention=7), dict(num_hidden_layers=1), dict(hidden_activation="silu", norm_eps=1e-3),
    dict(norm_bias=True), dict(attention_bias=True, mlp_bias=True), dict(layer_types=["sliding_attention", "sliding_attention", "full_attention"]),
    dict(rope_parameters=dict(full_attention=dict(rope_type="default", rope_theta=900.0), sliding_attention=dict(rope_type="default", rope_theta=40.0)))]]
CASES += [("mpnet", switches) for switches in [dict(), dict(relative_attention_num_buckets=40), dict(hidden_act="silu")]]


def case_name(case):
    return "-".join([case[0], *(f"{key}={'rope' if key == 'rope_parameters' else value}" for key, value in case[1].items())])


def reference_states(model, ids, mask):
    """One text at a time without padding: what a text's states are does not depend on its batch."""
    with torch.no_grad():
        for row, count in enumerate(mask.sum(1).tolist()):
            yield row, count, model(ids[row:row + 1, :count], attention_mask=mask[row:row + 1, :count], output_hidden_states=True).hidden_states


def expect_states(model, found, layers, tolerance):
    worst = 0.0
    for row, count, states in reference_states(model, found["input_ids"], found["attention_mask"]):
        assert len(states) == layers + 1
        for k, state in enumerate(states):
            worst = max(worst, near(found[f"hidden_states.{k}"][row, :count], state[0], tolerance, (row, count, k)))
        assert torch.equal(found["last_hidden_state"][row], found[f"hidden_states.{layers}"][row])
        assert (found["last_hidden_state"][row, count:] == 0).all()
    return worst


@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_every_layer_and_length(case, tmp_path):
    kind, switches = case
    model = save_text_model(tmp_path, kind, config_of(kind, **switches))
    found = encode("text", tmp_path, posts(LENGTHS), tmp_path, "--layers", "all", "--batch-size", 4)
    assert sorted(set(found["attention_mask"].sum(1).tolist()))[-1] == 512  # longer texts are cut
    worst = expect_states(model, found, model.config.num_hidden_layers, 1e-4)
    print(f"{case_name(case)}: worst {worst:.1e}")


@pytest.mark.parametrize("case", [("deberta-v2", dict()), ("deberta-v2", dict(share_att_key=False, conv_kernel_size=3, embedding_size=20, position_buckets=8)),
                                  ("bert", dict()), ("roberta", dict()), ("mpnet", dict()), ("xlm-roberta", dict()), ("electra", dict()), ("distilbert", dict()),
                                  ("modernbert", dict()), ("modernbert", dict(local_attention=6, attention_bias=True, norm_bias=True, mlp_bias=True))], ids=case_name)
def test_gradients(case, tmp_path):
    kind, switches = case
    model = save_text_model(tmp_path, kind, config_of(kind, **switches))
    found = encode("text", tmp_path, posts([1, 5, 20, 40]), tmp_path, "--gradients")
    ids, mask = found["input_ids"], found["attention_mask"]
    states = model(ids, attention_mask=mask, output_hidden_states=True).hidden_states
    scalar = probe([state * mask[:, :, None] for state in states])
    scalar.backward()
    near(found["probe"], scalar.detach().float(), 1e-3)
    gradients = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None and not name.startswith("pooler")}
    assert {f"grad.{name}" for name in gradients} == {name for name in found if name.startswith("grad.")}
    largest = max(gradient.abs().max().item() for gradient in gradients.values())
    for name, gradient in gradients.items():
        if gradient.abs().max() < 1e-6 * largest:  # a key's bias moves all scores of a row alike: no gradient but rounding
            assert found[f"grad.{name}"].abs().max() < 1e-6 * largest, name
        else:
            near(found[f"grad.{name}"], gradient, 1e-3, name)


def test_deberta_of_base_size(tmp_path):
    config = config_of("deberta-v2", hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072, vocab_size=1000, position_buckets=256)
    model = save_text_model(tmp_path, "deberta-v2", config)
    randomize(model, std=0.03).save_pretrained(tmp_path)
    found = encode("text", tmp_path, posts([3, 60, 200]), tmp_path, "--layers", "all")
    print(f"worst {expect_states(model, found, 12, 1e-4):.1e}")


def test_minilm_on_real_texts(tmp_path):
    folder = weights_of("minilm-l6")
    model = transformers.AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    found = encode("text", folder, real_posts(500, "text"), tmp_path, "--layers", "all")
    print(f"worst {expect_states(model, found, model.config.num_hidden_layers, 1e-4):.1e} over {len(found['input_ids'])} texts")


def test_mpnet_on_real_texts(tmp_path):
    folder = weights_of("mpnet-base")
    model = transformers.AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    found = encode("text", folder, real_posts(100, "text"), tmp_path, "--layers", "all")
    print(f"worst {expect_states(model, found, model.config.num_hidden_layers, 1e-4):.1e} over {len(found['input_ids'])} texts")
