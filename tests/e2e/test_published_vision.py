"""Training with a Vision Transformer as image tower, and SigLIP in CLIP's place: what a user types and sees."""

import json

import pytest
from conftest import infig
from published_models import clip, distilbert, siglip, vit

SMALL = ["threads=1", "text.max_length=32", "image.augment=none", "image.num_hidden_layers=3", "fusion.num_hidden_layers=1", "fusion.num_attention_heads=2",
         "fusion.intermediate_size=32", "train.epochs=1", "train.batch_size=16", "gam.queue_size=32", "optim.lr_new=1e-3"]


@pytest.fixture(scope="module")
def models(work, postcards):
    words = [word for line in (postcards / "posts.jsonl").read_text().splitlines() for word in json.loads(line)["text"].lower().split() if word.isalpha()]
    folder = work / "vision-models"
    distilbert(folder / "distilbert", words)
    vit(folder / "vit")
    vit(folder / "narrow", width=12)
    clip(folder / "clip")
    siglip(folder / "siglip")
    (work / "vision.yaml").write_text("seed: 1\n")
    return folder


def train(work, data, run, models, *more, image="vit", prior="clip"):
    return infig("train", "--config", work / "vision.yaml", "--data", data, "--output-dir", work / run, f"text.model={models}/distilbert",
                 f"image.model={models}/{image}", f"clip.model={models}/{prior}", "clip.variant=any", *SMALL, *more)


def test_lower_layers_are_cached_and_change_no_number(work, postcards, models):
    first = train(work, postcards, "vit-run", models)
    assert first.code == 0 and "picture features of 120 posts are computed once" in first.err, first.all
    live = train(work, postcards, "vit-live", models, "data.features=live")
    assert live.code == 0 and "data.features=live" in live.err, live.all
    assert (work / "vit-run/metrics.jsonl").read_bytes() == (work / "vit-live/metrics.jsonl").read_bytes()
    names = json.loads((work / "vit-run/checkpoints/latest/config.json").read_text())
    assert names["image_backbone"]["model_type"] == "vit" and names["text_encoder"]["model_type"] == "distilbert"
    done = infig("evaluate", "--run", work / "vit-run", "--data", postcards, "--split", "dev")
    assert done.code == 0, done.all
    again = train(work, postcards, "vit-run", models, "train.epochs=2", "--resume", "latest")
    assert again.code == 0, again.all


@pytest.mark.parametrize("image,more", [
    ("vit", ["image.finetune=true", "gam.momentum_backbone=true"]), ("vit", ["image.num_hidden_layers=4", "hfam.layers=3", "gam.layer=2"]), ("narrow", []),
    ("siglip", ["fusion.with_cls=true"]), ("vit", ["optim.layer_decay=0.8", "train.micro_batch=8"]), ("vit", ["image.finetune=true", "image.drop_path=0.4", "train.micro_batch=8"])],
    ids=["finetune", "all-layers", "projection", "siglip", "layer-decay-parts", "drop-path-parts"])
def test_ways_of_training(work, postcards, models, image, more, request):
    run = f"ways-{request.node.callspec.id}"
    done = train(work, postcards, run, models, *more, image=image)
    assert done.code == 0, done.all
    predicted = infig("predict", "--run", work / run, "--text", "a happy day", "--image", next((postcards / "images").iterdir()))
    assert predicted.code == 0, predicted.all


def test_siglip_is_a_prior_like_clip(work, postcards, models):
    done = train(work, postcards, "siglip-prior", models, prior="siglip")
    assert done.code == 0 and "embeddings of" in done.err, done.all
    config = json.loads((work / "siglip-prior/checkpoints/latest/config.json").read_text())
    assert config["clip_embed_dim"] == 16
    wrong = infig("train", "--config", work / "vision.yaml", "--data", postcards, "--output-dir", work / "wrong", f"text.model={models}/distilbert",
                  f"image.model={models}/vit", f"clip.model={models}/siglip", "clip.variant=ViT-B/32", *SMALL)
    assert wrong.code in (1, 2) and "SigLIP" in wrong.err and "clip.variant" in wrong.err, wrong.all


def test_what_does_not_go_together_is_named(work, postcards, models):
    for more, words in [(["image.num_hidden_layers=5"], ["image.num_hidden_layers", "1 .. 4"]), (["image.pos=learned"], ["image.pos=learned", "image.model"]),
                        (["image.size=64", "image.resize=64", "image.preprocess=config"], ["image.size", "32"]),
                        (["image.finetune=true", "image.batch_norm_train=true"], ["image.batch_norm_train"])]:
        done = train(work, postcards, "never", models, *more)
        assert done.code in (1, 2), done.all
        for word in words:
            assert word in done.err, (word, done.all)
        assert not (work / "never").exists() or not any((work / "never").rglob("model.safetensors"))


def test_stochastic_depth_is_the_runs_own(work, postcards, models):
    """What the folder states of it is said beside the keys that hold; masks do not depend on the parts that a batch is computed in."""
    stating = work / "stating-vit"
    vit(stating)
    config = json.loads((stating / "config.json").read_text())
    (stating / "config.json").write_text(json.dumps(config | {"drop_path_rate": 0.25, "hidden_dropout_prob": 0.0}))
    (models / "stating").symlink_to(stating)
    losses = {}
    for name, more in {"none": [], "some": ["image.drop_path=0.25"], "parts": ["image.drop_path=0.25", "train.micro_batch=4"]}.items():
        done = train(work, postcards, f"depth-{name}", models, "image.finetune=true", "image.hidden_dropout_prob=0", "image.attention_probs_dropout_prob=0", *more, image="stating")
        assert done.code == 0, done.all
        said = "drop_path_rate 0.25" in done.err and "image.drop_path=0" in done.err
        assert said == (name == "none"), done.err
        losses[name] = [json.loads(line)["loss"] for line in (work / f"depth-{name}/metrics.jsonl").read_text().splitlines() if "loss" in json.loads(line)]
    assert losses["none"] != losses["some"] and losses["some"] == pytest.approx(losses["parts"], rel=1e-4)
    for more, word in [(["image.drop_path=1"], "image.drop_path"), (["image.drop_path=-0.1"], "image.drop_path")]:
        refused = train(work, postcards, "never", models, *more)
        assert refused.code == 2 and word in refused.err, refused.all
