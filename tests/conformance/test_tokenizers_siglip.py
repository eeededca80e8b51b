"""infig tokenize on SigLIP's spiece.model against SiglipTokenizer of transformers, and a SigLIP folder as transformers saves it, texts to embeddings.

Ids must be equal on every text, or be another cut of the same score: Python's SentencePiece is another version of the library.
"""
import json
import unicodedata

import pytest
import tokenizer_inputs
from conftest import data_folder, real_texts
from test_tokenizers import RANDOM, ours

sentencepiece = pytest.importorskip("sentencepiece")
transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def texts():
    folder = data_folder()
    if not folder.is_dir():  # random characters alone make no vocabulary
        pytest.skip(f"real data is absent: {folder} (or name it in INFIG_DATA)")
    lines = real_texts(folder) + ["", " ", "\u3000", "</s>", "<unk>", "a </s>", "\u2581a\u2581"] + tokenizer_inputs.random_texts(RANDOM, seed=8) + tokenizer_inputs.tweet_texts(2000, seed=8)
    return [line.replace("\n", " ") for line in lines]


@pytest.fixture(scope="module")
def pieces(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("siglip")
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(text.lower() for text in texts[:40_000] if len(text) < 4000), model_prefix=str(path / "spiece"), vocab_size=6000, pad_id=0,
                                             eos_id=1, unk_id=2, bos_id=-1, pad_piece="<pad>", eos_piece="</s>", unk_piece="<unk>", num_threads=1, minloglevel=2)
    return path / "spiece.model"


@pytest.mark.parametrize("options", [dict(), dict(do_lower_case=False, pad_token="<pad>", additional_special_tokens=["<xx>"])], ids=["plain", "cased"])
def test_pieces(infig, tmp_path, texts, pieces, options):
    original = transformers.SiglipTokenizer(str(pieces), **options)
    original.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "siglip"}), encoding="utf-8")
    score = original.sp_model.get_score
    compared, equal_score, wrong = 0, 0, []
    for text, row in zip(texts, ours(infig, tmp_path, texts)):
        if any(unicodedata.category(character) == "Cn" for character in text):
            continue  # lower case of what Python's Unicode does not know
        compared += 1
        assert all(0 <= begin <= end <= len(text) for begin, end in row["offsets"]), text
        expected = original(text)["input_ids"]
        if row["ids"] == expected:
            continue
        known = max(row["ids"] + expected) < original.sp_model.get_piece_size()
        if known and abs(sum(map(score, row["ids"])) - sum(map(score, expected))) < 1e-3:
            equal_score += 1
        else:
            wrong.append((text, row["ids"], expected))
    print(f"\nSigLIP: {compared} texts, {equal_score} are cut otherwise at an equal score, {len(wrong)} differ")
    assert compared > len(texts) // 2 and not wrong, wrong[:3]
    assert equal_score < compared // 50


def test_model_and_texts(infig, tmp_path, texts, pieces):
    """What a user has from transformers 5: the network and SiglipTokenizer saved into one folder; padding to the full length counts."""
    torch = pytest.importorskip("torch")
    image = pytest.importorskip("PIL.Image")
    from encoder_tools import encode, near, randomize
    tower = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4)
    model = randomize(transformers.SiglipModel(transformers.SiglipConfig(text_config=tower | dict(vocab_size=6000, max_position_embeddings=16),
                                                                          vision_config=tower | dict(image_size=32, patch_size=16))))
    model.save_pretrained(tmp_path)
    tokenizer = transformers.SiglipTokenizer(str(pieces), model_max_length=16)
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(dict(image_processor_type="SiglipImageProcessor", size=dict(height=32, width=32), resample=3,
                                                                       image_mean=[0.5] * 3, image_std=[0.5] * 3)))
    some = [text for text in texts[:4000:200] if text.strip()] + ["The Cat's here!", "!!", "</s>"]
    image.new("RGB", (32, 32)).save(tmp_path / "grey.png")  # encode wants one in every row
    found = encode("clip", tmp_path, [dict(id=str(i), text=text, image="grey.png") for i, text in enumerate(some)], tmp_path)
    ids = tokenizer(some, padding="max_length", truncation=True, max_length=16, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        near(found["text_embeds"], model.get_text_features(ids).pooler_output, 1e-4)
