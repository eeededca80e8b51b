"""Training from published encoders, anchors beside a model's scores, presets: what a user types and sees."""

import json
import shutil

import pytest
from conftest import ROOT, infig
from published_models import bert, clip, resnet

SMALL = ["threads=1", "text.max_length=32", "image.augment=none", "image.num_hidden_layers=3", "image.num_attention_heads=2", "image.intermediate_size=32",
         "fusion.num_hidden_layers=1", "fusion.num_attention_heads=2", "fusion.intermediate_size=32", "train.epochs=1", "train.batch_size=16",
         "gam.queue_size=32", "optim.lr_new=1e-3"]


@pytest.fixture(scope="module")
def models(work, postcards):
    words = [word for line in (postcards / "posts.jsonl").read_text().splitlines() for word in json.loads(line)["text"].lower().split() if word.isalpha()]
    folder = work / "models"
    bert(folder / "bert", words)
    resnet(folder / "resnet18.safetensors")
    clip(folder / "clip")
    return folder


@pytest.fixture(scope="module")
def config(work):
    path = work / "published.yaml"
    path.write_text("seed: 1\n")
    return path


def train(config, data, run, models, *more):
    return infig("train", "--config", config, "--data", data, "--output-dir", run, f"text.model={models}/bert", f"image.model={models}/resnet18.safetensors",
                 f"clip.model={models}/clip", "clip.variant=any", *SMALL, *more)


@pytest.fixture(scope="module")
def published_run(work, postcards, models, config):
    run = work / "published-run"
    done = train(config, postcards, run, models)
    assert done.code == 0, done.all
    return run, done


def test_frozen_features_are_computed_once(work, postcards, models, config, published_run):
    run, first = published_run
    assert "picture features of 120 posts are computed once" in first.err and "CLIP embeddings of" in first.err
    kept = sorted(path.name.split("-")[0] for path in (run / "cache").iterdir())
    assert kept == ["clip", "image"]
    again = train(config, postcards, work / "published-again", models, f"data.feature_cache={run}/cache")
    assert again.code == 0 and "computed once" not in again.err
    assert f"picture features: {run}/cache/image-" in again.err and f"CLIP embeddings: {run}/cache/clip-" in again.err
    same = (run / "metrics.jsonl").read_bytes() == (work / "published-again/metrics.jsonl").read_bytes()
    assert same, "the cache changes no number"
    live = train(config, postcards, work / "published-live", models, "image.augment=flip")
    assert live.code == 0 and "image.augment changes the pictures" in live.err, live.all


def resume_first_checkpoint_of(whole, cut, resume):
    """`cut` is `whole` as it stood at its first checkpoint, resumed."""
    shutil.copytree(whole, cut, symlinks=True)
    steps = sorted(path for path in (cut / "checkpoints").iterdir() if path.name.startswith("step-") and not path.is_symlink())
    assert len(steps) > 2
    for path in steps[1:]:
        shutil.rmtree(path)
    for name in ("latest", "best"):
        (cut / "checkpoints" / name).unlink()
        (cut / "checkpoints" / name).symlink_to(steps[0].name)
    done = resume()
    assert done.code == 0 and "resuming" in done.err, done.all
    assert (cut / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()
    last = (whole / "checkpoints/latest").resolve().name
    for file in ("model.safetensors", "optimizer.safetensors", "trainer.safetensors"):
        assert (cut / "checkpoints" / last / file).read_bytes() == (whole / "checkpoints" / last / file).read_bytes(), file
    return done


def test_resumes_to_the_same_bits(work, postcards, models, config):
    whole, cut = work / "published-whole", work / "published-cut"
    more = ["train.epochs=2", "train.save_every=3", "train.save_total_limit=20", "train.save_state_limit=20"]
    done = train(config, postcards, whole, models, *more)
    assert done.code == 0, done.all
    done = resume_first_checkpoint_of(whole, cut, lambda: train(config, postcards, cut, models, *more, "--resume", "latest"))
    assert "computed once" not in done.err


def test_resumes_where_the_published_folders_are_gone(work, postcards, models, config):
    whole, cut, bare = work / "published-whole", work / "published-gone", work / "published-bare"
    more = ["train.epochs=2", "train.save_every=3", "train.save_total_limit=20", "train.save_state_limit=20", "--resume", "latest"]
    shutil.move(models, work / "models-gone")
    try:
        done = resume_first_checkpoint_of(whole, cut, lambda: train(config, postcards, cut, models, *more))
        assert "is not there any more: its embeddings come from" in done.err
        changed = train(config, postcards, cut, models, *more, "image.size=192")
        assert changed.code == 2 and "image.size" in changed.err, changed.all
        # CLIP's embeddings are nowhere but in the cache; a picture's features come from the checkpoint's backbone.
        shutil.copytree(whole, bare, symlinks=True)
        state = bare / "checkpoints/latest/trainer_state.json"
        state.write_text(state.read_text().replace('"finished": true', '"finished": false'))
        shutil.rmtree(bare / "cache")
        done = train(config, postcards, bare, models, *more)
        assert done.code == 1 and "clip" in done.err, done.all
        assert train(config, postcards, work / "published-new", models).code == 1
    finally:
        shutil.move(work / "models-gone", models)


def test_a_checkpoint_needs_neither_models_nor_cache(work, postcards, models, published_run):
    copy = work / "moved"
    shutil.copytree(published_run[0], copy, symlinks=True)
    shutil.rmtree(copy / "cache")
    shutil.move(models, work / "models-away")
    try:
        done = infig("evaluate", "--run", copy, "--data", postcards, "--split", "test", "--no-report")
        assert done.code == 0, done.all
    finally:
        shutil.move(work / "models-away", models)
    config = json.loads((copy / "checkpoints/best/config.json").read_text())
    assert config["text_encoder"]["model_type"] == "bert" and config["clip_embed_dim"] == 8


def test_clip_belongs_to_gam(work, postcards, models, config):
    done = train(config, postcards, work / "no-gam", models, "loss.lambda_g=0")
    assert done.code == 0 and "CLIP" not in done.err, done.all
    done = train(config, postcards, work / "variant", models, "clip.variant=ViT-B/32")
    assert done.code == 2 and "patches of 16 pixels" in done.err and not (work / "variant").exists()


def test_all_keys_that_the_models_bring_are_refused_at_once(work, postcards, models, config):
    run, typed = work / "refused", ["text.hidden_size=32", "text.num_hidden_layers=5", "text.vocab_size=500", "image.stem_width=8", "image.size=64"]
    done = train(config, postcards, run, models, *typed)
    assert done.code == 2 and "text.model" in done.err and "image.model" in done.err and not run.exists()
    for key in typed:
        assert key in done.err, done.err
    # The advice: leave them out, or say that the pictures are to be as the keys have it.
    done = train(config, postcards, run, models, "image.size=64", "image.resize=64", "image.preprocess=config")
    assert done.code == 0, done.all


def test_a_model_of_the_command_line_wins_over_the_presets_sizes(work, postcards, models):
    # Backward passes of convolutions as narrow as this ResNet's are more than oneDNN can do.
    run, small = work / "over-tiny", [*[word for word in SMALL if not word.startswith(("optim.lr_new", "image.augment"))], "image.finetune=false", "image.batch_norm_train=false"]

    def over_tiny(where, *more):
        return infig("train", "--config", ROOT / "configs/tiny.yaml", "--data", postcards, "--output-dir", where, f"text.model={models}/bert",
                     f"image.model={models}/resnet18.safetensors", f"clip.model={models}/clip", *small, *more)

    done = over_tiny(run)
    assert done.code == 0, done.all
    for text in done.err, (run / "train.log").read_text():
        lines = [line for line in text.splitlines() if "brings its own" in line]
        assert len(lines) == 3
        assert all(part in lines[0] for part in [f"text.model=\"{models}/bert\"", "text.hidden_size=128", "text.num_hidden_layers=4", "text.vocab_size=4000", "configs/tiny.yaml"])
        assert all(part in lines[1] for part in ["image.model=", "image.size=96", "image.stage_blocks=[1, 1, 1, 1]", "image.stem_pool=false"])
        assert "clip.variant=ViT-B/32" in lines[2]
        assert f'text.model="{models}/bert" is trained at optim.lr=0.001' in text and "optim.lr=3e-05 optim.lr_new=0.001" in text.replace("3e-5", "3e-05")
    sizes = json.loads((run / "checkpoints/best/config.json").read_text())
    assert sizes["text_encoder"]["hidden_size"] == 16 and sizes["text_encoder"]["num_hidden_layers"] == 3
    again = over_tiny(run, "train.epochs=2", "--resume", "latest")
    assert again.code == 0 and "resuming from" in again.err, again.all
    typed = over_tiny(work / "typed", "text.hidden_size=128")
    assert typed.code == 2 and "text.hidden_size=128" in typed.err and "text.num_hidden_layers" not in typed.err and not (work / "typed").exists(), typed.all


def test_weights_that_moved_are_known_by_their_hash(work, postcards, models, config):
    run, moved = work / "moved-run", work / "models-moved"
    assert train(config, postcards, run, models).code == 0
    before = (run / "checkpoints/latest/model.safetensors").read_bytes()
    shutil.move(models, moved)
    try:
        away = train(config, postcards, run, work / "models-nowhere", "train.epochs=2", "--resume", "latest")
        assert away.code == 2 and "models-nowhere" in away.err and str(models) in away.err and "moved to" in away.err, away.all
        done = train(config, postcards, run, moved, "train.epochs=2", "--resume", "latest")
        assert done.code == 0 and "resuming from" in done.err, done.all
        assert (run / "checkpoints/latest/model.safetensors").read_bytes() != before
        assert f"{moved}/bert" in (run / "config.yaml").read_text()
        # Other weights under the new name are no moved ones, and CLIP's, which no checkpoint holds, are looked at wherever they lie.
        bert(work / "other-bert", (moved / "bert/vocab.txt").read_text().split()[5:], seed=2)
        other = train(config, postcards, run, moved, f"text.model={work}/other-bert", "train.epochs=3", "--resume", "latest")
        assert other.code == 2 and "holds other weights" in other.err and "other-bert" in other.err, other.all
        shutil.copytree(moved, work / "models-edited")
        weights = work / "models-edited/clip/model.safetensors"
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(data)
        other = train(config, postcards, run, work / "models-edited", "train.epochs=3", "--resume", "latest")
        assert other.code == 2 and "clip.model" in other.err and "holds other weights" in other.err, other.all
    finally:
        shutil.move(moved, models)


@pytest.mark.parametrize("name", ["mvsa-single", "mvsa-multiple", "hfm", "tumemo"])
def test_paper_says_what_is_missing_and_how_to_get_it(work, postcards, name):
    done = infig("train", "--config", ROOT / f"configs/paper-{name}.yaml", "--data", postcards, "--output-dir", work / "paper", cwd=work)
    assert done.code == 1 and not (work / "paper").exists()
    for part in ("microsoft/deberta-v3-base", "microsoft/resnet-50", "openai/clip-vit-base-patch32", "infig weights pull", "--random-init"):
        assert part in done.err


def test_weights_that_lie_elsewhere_are_proposed(tmp_path, postcards):
    for folder in ("weights/deberta-v3-base", "near/deberta-v3-bas", "near/resnet", "down"):
        (tmp_path / folder).mkdir(parents=True)
    command = ["train", "--config", ROOT / "configs/paper-mvsa-single.yaml", "--data", postcards, "--output-dir", tmp_path / "run", "text.model=weights/deberta-v3-base"]
    done = infig(*command, cwd=tmp_path / "down")
    assert done.code == 1 and "there is ../weights/deberta-v3-base: give that" in done.err, done.all
    done = infig(*command[:-1], "text.model=near/deberta-v3-base", "image.model=near/res", cwd=tmp_path)
    assert done.code == 1 and "did you mean near/deberta-v3-bas?" in done.err and "did you mean near/resnet?" in done.err, done.all


def test_random_init_runs_the_sizes_without_weights(work, postcards):
    small = ["text.hidden_size=16", "text.num_hidden_layers=3", "text.num_attention_heads=2", "text.intermediate_size=32", "text.vocab_size=300",
             "image.size=32", "image.resize=32", "image.stage_blocks=[1, 1, 1, 1]", "image.stage_widths=[4, 4, 8, 8]", "image.num_hidden_layers=3",
             "image.num_attention_heads=2", "image.intermediate_size=32", "fusion.num_attention_heads=2", "fusion.intermediate_size=32",
             "train.batch_size=8", "clip.model=", "threads=1"]
    done = infig("bench", "--config", ROOT / "configs/paper-mvsa-single.yaml", "--data", postcards, "--random-init", "--steps", 2, "--warmup", 1, *small)
    assert done.code == 0 and "posts/s over 2 steps" in done.out, done.all


def test_anchors_stand_beside_the_model(work, models, published_run):
    run = published_run[0]
    data = work / "anchored"
    assert infig("prepare", "postcards", "--out", data, "--count", 120).code == 0
    done = infig("anchors", "--data", data, "--text-model", models / "bert", "--image-model", models / "resnet18.safetensors")
    assert done.code == 0, done.all
    table = json.loads((data / "anchors.json").read_text())
    assert [row["name"] for row in table["rows"]] == ["majority", "tfidf", "text", "image", "text+image", "tfidf+text+image"]
    done = infig("evaluate", "--run", run, "--data", data, "--split", "test")
    assert done.code == 0 and "  anchors " in done.out and "the anchor text+image" in done.out, done.all
    evaluation = json.loads((run / "eval/test.json").read_text())
    assert len(evaluation["anchors"]) == 6
    report = (run / "report.html").read_text()
    assert 'id="anchors"' in report and "tfidf+text+image" in report
    # Another data set in the same place: the old figures are not its own.
    (data / "posts.jsonl").write_text((data / "posts.jsonl").read_text().replace("a", "e", 1))
    done = infig("evaluate", "--run", run, "--data", data, "--split", "test", "--no-report")
    assert "anchors" not in done.out


def test_anchors_keep_what_they_do_not_compute(work, postcards, models, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(postcards, data)
    (data / "anchors.json").unlink(missing_ok=True)
    assert infig("anchors", "--data", data, "--image-model", models / "resnet18.safetensors").code == 0
    first = json.loads((data / "anchors.json").read_text())
    done = infig("anchors", "--data", data)
    assert done.code == 0 and "kept from before: image" in done.out, done.all
    assert json.loads((data / "anchors.json").read_text()) == first
    done = infig("anchors", "--data", data, "--text-model", models / "bert")
    both = json.loads((data / "anchors.json").read_text())
    assert [row["name"] for row in both["rows"]] == ["majority", "tfidf", "text", "image"] and both["image_model"] == first["image_model"], done.all
    shutil.copy(models / "resnet18.safetensors", tmp_path / "other.safetensors")
    done = infig("anchors", "--data", data, "--text-model", models / "bert", "--image-model", tmp_path / "other.safetensors")
    assert done.code == 0 and "no longer in the table, being of resnet18.safetensors: image" in done.out, done.all


def test_anchors_faults(work, postcards, models):
    done = infig("anchors", "--data", postcards, "--text-model", models / "absent")
    assert done.code == 1 and "absent" in done.err
    assert infig("anchors").code == 2
