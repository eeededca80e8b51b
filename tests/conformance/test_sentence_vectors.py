"""infig encode text --pooled against sentence-transformers itself: folders that it saved, every pooling, Dense, Normalize, prompts, cut texts."""

import pytest
import torch
from encoder_tools import encode, near, posts, randomize

sentence_transformers = pytest.importorskip("sentence_transformers")
transformers = pytest.importorskip("transformers")
modules = pytest.importorskip("sentence_transformers.sentence_transformer.modules")
transformers.logging.set_verbosity_error()

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *[chr(c) for c in range(97, 123)], *[f"##{chr(c)}" for c in range(97, 123)], ":"]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    config = transformers.BertConfig(vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, max_position_embeddings=64)
    randomize(transformers.BertModel(config)).save_pretrained(folder)
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("mode", ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken", ["mean", "cls", "max"]], ids=str)
def test_pooling(mode, base, tmp_path):
    torch.manual_seed(2)
    pooling = modules.Pooling(32, mode)
    more = [modules.Dense(pooling.get_embedding_dimension(), 12), modules.Normalize()] if mode in ("mean", "max") else []
    model = sentence_transformers.SentenceTransformer(modules=[modules.Transformer(str(base)), pooling, *more], device="cpu").eval()
    model.save(str(tmp_path / "model"))
    rows = posts([3, 1, 12, 30, 7])
    found = encode("text", tmp_path / "model", rows, tmp_path, "--pooled", "--batch-size", 2)
    expected = torch.from_numpy(model.encode([row["text"] for row in rows]))
    print(f"worst {near(found['sentence_embedding'], expected, 1e-5):.1e}")


def test_prompt_and_longest_text(base, tmp_path):
    model = sentence_transformers.SentenceTransformer(modules=[modules.Transformer(str(base)), modules.Pooling(32, "mean")], device="cpu",
                                                      prompts={"query": "q: "}, default_prompt_name="query").eval()
    model.max_seq_length = 16
    model.save(str(tmp_path / "model"))
    rows = posts([2, 40])
    found = encode("text", tmp_path / "model", rows, tmp_path, "--pooled")
    assert found["input_ids"].shape[1] == 16
    near(found["sentence_embedding"], torch.from_numpy(model.encode([row["text"] for row in rows])), 1e-5)


@pytest.mark.parametrize("mode", ["cls", "max", "mean", "weightedmean", "lasttoken"])
def test_a_prompt_that_does_not_count(mode, base, tmp_path):
    model = sentence_transformers.SentenceTransformer(modules=[modules.Transformer(str(base)), modules.Pooling(32, mode, include_prompt=False)], device="cpu",
                                                      prompts={"query": "find it: "}, default_prompt_name="query").eval()
    model.save(str(tmp_path / "model"))
    rows = posts([3, 1, 12, 30])
    found = encode("text", tmp_path / "model", rows, tmp_path, "--pooled", "--batch-size", 2)
    expected = torch.from_numpy(model.encode([row["text"] for row in rows]))
    near(found["sentence_embedding"], expected, 1e-5)
    counted = torch.from_numpy(model.encode([row["text"] for row in rows], prompt=""))
    assert (expected - counted).abs().max() > 1e-3
