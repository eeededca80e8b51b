"""Golden files of INFIG's assembled objective, tests/golden/model/objective_*.safetensors, made by tools/golden/plain_infig.py.

    python tools/golden/make_objective.py          (packages as pinned in tools/requirements-golden.txt)

objective_weights_ARCHITECTURE holds parameters. Every other file is a case: its settings name the architecture, the config's keys, SGD's
rate and the gradients that are exactly zero; its tensors are, for each step K, the batch (K.ids, K.mask, K.map or K.pixels, ...) and the
answers (K.logits, K.loss.*, K.queue.*, and for some steps K.grad.NAME and K.twin.NAME). An absent side is a row of K.has_text or
K.has_image that is 0. Answers are computed in float64 and stored in float32.
"""

import json
import pathlib

import torch
from plain_infig import Infig, Tie
from safetensors.torch import save_file

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "model"
WIDTH, INNER, HEADS, CLIP, CLASSES, VOCABULARY = 16, 16, 2, 5, 3, 20

COMMON = {
    "text.vocab_size": VOCABULARY, "text.hidden_size": WIDTH, "text.num_attention_heads": HEADS, "text.intermediate_size": INNER,
    "text.max_position_embeddings": 12, "text.position_buckets": 8, "text.hidden_dropout_prob": 0.0, "text.attention_probs_dropout_prob": 0.0,
    "image.num_attention_heads": HEADS, "image.intermediate_size": INNER, "image.hidden_dropout_prob": 0.0,
    "image.attention_probs_dropout_prob": 0.0, "image.bottleneck": False, "image.stage_blocks": [1, 1, 1, 1], "image.stem_kernel": 3,
    "image.stem_stride": 1, "image.stem_pool": False, "image.size": 16, "image.resize": 16, "image.augment": "flip",
    "fusion.num_hidden_layers": 1, "fusion.num_attention_heads": HEADS, "fusion.intermediate_size": INNER, "fusion.hidden_dropout_prob": 0.0,
    "fusion.attention_probs_dropout_prob": 0.0, "head.dropout": 0.0, "gam.clip_dim": 4, "gam.queue_size": 16, "gam.momentum": 0.75,
    "loss.lambda_g": 0.3, "loss.lambda_f": 0.2,
}
NARROW = {"image.stem_width": 4, "image.stage_widths": [4, 4, 6, 6]}  # never run: the batch brings feature maps
ARCHITECTURES = {
    "small": {"text.num_hidden_layers": 2, "image.num_hidden_layers": 2} | NARROW,
    "deep": {"text.num_hidden_layers": 5, "image.num_hidden_layers": 4} | NARROW,
    "pixels": {"text.num_hidden_layers": 1, "image.num_hidden_layers": 1, "image.stem_width": 16, "image.stage_widths": [16, 16, 16, 16]},
}


def linear(name, rows, columns):
    return {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}


def norm(name, size=WIDTH):
    return {f"{name}.weight": (size,), f"{name}.bias": (size,)}


def layer(name, query, key, value):
    shapes = {}
    for part in (query, key, value):
        shapes |= linear(f"{name}.attention.self.{part}", WIDTH, WIDTH)
    for part, inner in (("attention.output", WIDTH), ("output", INNER)):
        shapes |= linear(f"{name}.{part}.dense", WIDTH, inner) | norm(f"{name}.{part}.LayerNorm")
    return shapes | linear(f"{name}.intermediate.dense", INNER, WIDTH)


def backbone(stem, widths):
    shapes, before = {"conv1.weight": (stem, 3, 3, 3)} | norm("bn1", stem), stem
    for stage, width in enumerate(widths):
        name = f"layer{stage + 1}.0"
        shapes |= {f"{name}.conv1.weight": (width, before, 3, 3), f"{name}.conv2.weight": (width, width, 3, 3)}
        shapes |= norm(f"{name}.bn1", width) | norm(f"{name}.bn2", width)
        if stage > 0:
            shapes |= {f"{name}.downsample.0.weight": (width, before, 1, 1)} | norm(f"{name}.downsample.1", width)
        before = width
    for name in [name for name in shapes if "bn" in name and name.endswith("weight") or name.endswith("downsample.1.weight")]:
        size = shapes[name]
        shapes |= {name[:-len("weight")] + "running_mean": size, name[:-len("weight")] + "running_var": size}
    return {"image_encoder.backbone." + name: shape for name, shape in shapes.items()}


def shapes_of(architecture):
    """Every parameter that any case of the architecture may have."""
    texts, images, stem, widths = ARCHITECTURES[architecture].values()
    shapes = {"text_encoder.embeddings.word_embeddings.weight": (VOCABULARY, WIDTH), "text_encoder.encoder.rel_embeddings.weight": (16, WIDTH)}
    shapes |= norm("text_encoder.embeddings.LayerNorm") | norm("text_encoder.encoder.LayerNorm")
    for n in range(texts):
        shapes |= layer(f"text_encoder.encoder.layer.{n}", "query_proj", "key_proj", "value_proj")
    for n in range(images):
        shapes |= layer(f"image_encoder.layer.{n}", "query", "key", "value")
    shapes |= linear("image_encoder.grid_projection", WIDTH, widths[-1]) | linear("image_encoder.cls_projection", WIDTH, widths[-1])
    shapes |= layer("fusion.layer.0", "query", "key", "value")
    shapes |= linear("pooling.hidden", WIDTH // 2, WIDTH) | linear("pooling.score", 1, WIDTH // 2)
    shapes |= linear("head.dense", WIDTH, WIDTH) | linear("head.classifier", CLASSES, WIDTH)
    shapes |= {"gam.temperature": (), "hfam.temperature": ()}
    if architecture == "small":
        for side in ("image", "text"):
            shapes |= linear(f"gam.{side}_projection", 6, WIDTH) | linear(f"hfam.{side}_projection", 7, WIDTH)
            shapes |= linear(f"gam.clip_{side}_projection", COMMON["gam.clip_dim"], CLIP) | {f"fusion.null_{side}": (1, WIDTH)}
    if architecture == "pixels":
        shapes |= {"image_encoder.position_embeddings": (5, WIDTH)} | backbone(stem, widths)
    return shapes


def draw_weights(architecture, seed):
    generator, weights = torch.Generator().manual_seed(seed), {}
    for name, shape in shapes_of(architecture).items():
        value = torch.randn(shape, generator=generator)
        scale = name.endswith("LayerNorm.weight") or ".bn" in name and name.endswith("weight") or name.endswith("downsample.1.weight")
        if name.endswith("temperature"):
            value = torch.tensor(0.2 if name.startswith("gam") else 0.1)
        elif name.endswith("running_var") or scale:
            value = 1 + 0.3 * value.clamp(-2, 2)
        elif len(shape) == 4:
            value = value * (2 / (shape[1] * shape[2] * shape[3])) ** 0.5
        elif len(shape) == 2:
            value = value * (1.0 if "embeddings" in name else 0.3)
        else:
            value = value * 0.2
        weights[name] = value.contiguous()
    return weights


def present(o, name):
    """Whether the case's model has the parameter."""
    if name.startswith(("gam.clip_",)):
        return bool(o.get("clip"))
    if name.startswith(("gam.", "hfam.")) and "projection" in name:
        return o.get(name.split(".")[0] + ".proj_dim", 0) > 0
    if name.startswith("fusion.null_"):
        return o.get("fusion.null_tokens", False)
    return name != "image_encoder.position_embeddings" or o.get("image.pos") == "learned"


def draw_posts(generator, lengths, pictures, ids, pixels, clip):
    """lengths: tokens of each text, 0: no text. pictures: whether there is one. The first token is [CLS] (1), the last [SEP] (2)."""
    posts = []
    for length, picture, id in zip(lengths, pictures, ids):
        draw = lambda *shape: torch.randn(shape, generator=generator)
        inner = 3 + torch.randperm(VOCABULARY - 3, generator=generator)[:max(length - 2, 0)]  # no token twice: equal states tie
        post = {"id": id, "label": int(torch.randint(0, CLASSES, (), generator=generator)),
                "ids": torch.cat([torch.tensor([1]), inner, torch.tensor([2])]) if length else None}
        look = {"pixels": draw(3, 16, 16)} if pixels else {"map": draw(6, 2, 3)}
        embeddings = {"clip_image": draw(CLIP), "clip_text": draw(CLIP)} if clip else {}
        posts.append(post | embeddings | (look if picture else {}))
    return posts


def batch_tensors(posts):
    longest = max(len(p["ids"]) for p in posts if p["ids"] is not None)
    ids, mask = torch.zeros(len(posts), longest, dtype=torch.int64), torch.zeros(len(posts), longest, dtype=torch.int64)
    for row, post in enumerate(posts):
        text = post["ids"] if post["ids"] is not None else torch.tensor([1, 2])  # what infig's batches hold in an absent text's place
        ids[row, :len(text)], mask[row, :len(text)] = text, 1
    tensors = {"ids": ids, "mask": mask, "post_ids": torch.tensor([p["id"] for p in posts]), "labels": torch.tensor([p["label"] for p in posts]),
               "has_text": torch.tensor([int(p["ids"] is not None) for p in posts]),
               "has_image": torch.tensor([int("map" in p or "pixels" in p) for p in posts])}
    for key in ("map", "pixels", "clip_image", "clip_text"):
        shapes = [p[key].shape for p in posts if key in p]
        if shapes:
            tensors[key] = torch.stack([p.get(key, torch.zeros(shapes[0])) for p in posts])
    return tensors


def save(name, tensors, settings):
    path = GOLDEN / f"objective_{name}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {key: (value.float() if value.is_floating_point() else value).detach().clone().contiguous() for key, value in tensors.items()}
    save_file(tensors, path, metadata={"settings": json.dumps(settings, sort_keys=True)})
    print(f"{path.name}: {path.stat().st_size} bytes")
    assert path.stat().st_size < 200_000


def case(name, seed, **arguments):
    while True:
        try:
            return try_case(name, seed, **arguments)
        except Tie:
            seed += 100


def try_case(name, seed, architecture="small", batches=None, clip=False, rate=0.02, gradients=None, twins=False, temperatures=None, **keys):
    """batches: for each step (lengths, pictures, ids). gradients: the steps whose gradients are stored; None: the last one. twins: whether those
    after the last step are. temperatures: what GAM's and HFAM's start at instead. Twins are their start's copy in the first step, so that most cases take two."""
    options = COMMON | ARCHITECTURES[architecture] | {"hfam.layers": 2} | {key.replace("__", "."): value for key, value in keys.items()}
    batches = batches or [((5, 3, 7), (1, 1, 1), (1, 2, 3)), ((4, 6, 2), (1, 1, 1), (4, 5, 6))]
    weights = {key: value for key, value in WEIGHTS[architecture].items() if present(options | {"clip": clip}, key)}
    if temperatures:
        weights |= {"gam.temperature": torch.tensor(temperatures[0]), "hfam.temperature": torch.tensor(temperatures[1])}
    model, generator = Infig(options, weights), torch.Generator().manual_seed(seed)
    tensors, zero = {}, set()
    for step, batch in enumerate(batches):
        posts = draw_posts(generator, *batch, architecture == "pixels", clip)
        logits, parts, grads = model.step(posts, rate)
        answers = {"logits": logits} | {f"loss.{key}": value for key, value in parts.items()}
        if model.queue:
            answers |= {f"queue.{side}": torch.stack([entry[k] for entry in model.queue]) for k, side in enumerate(("image", "text"))}
            answers["queue.ids"] = torch.tensor([entry[2] for entry in model.queue])
        answers["temperatures"] = torch.stack([model.w["gam.temperature"], model.w["hfam.temperature"]])
        if step in ([len(batches) - 1] if gradients is None else gradients):
            largest = max(float(g.norm()) for g in grads.values())
            zero |= {key for key, g in grads.items() if float(g.norm()) < 1e-12 * largest}
            answers |= {f"grad.{key}": value for key, value in grads.items() if key not in zero}
        if twins and step == len(batches) - 1:
            answers |= {f"twin.{key}": value for key, value in model.twin.items()}
        tensors |= {f"{step}.{key}": value for key, value in (batch_tensors(posts) | answers).items()}
    settings = {"options": options, "architecture": architecture, "rate": rate, "steps": len(batches), "clip": CLIP if clip else 0,
                "parameters": sorted(weights), "zero": sorted(zero)}
    if temperatures:
        settings["temperatures"] = temperatures
    save(name, tensors, settings)
    print("   ", {key: [round(tensors[f"{step}.loss.{key}"].item(), 4) for step in range(len(batches))] for key in ("sc", "g", "f", "total")},
          [round(x, 4) for x in tensors[f"{len(batches) - 1}.temperatures"].tolist()])


def main():
    torch.set_num_threads(1)
    for architecture, seed in (("small", 1), ("deep", 2), ("pixels", 3)):
        WEIGHTS[architecture] = draw_weights(architecture, seed)
        save(f"weights_{architecture}", WEIGHTS[architecture], {})
    # Figure 3's layers, and row 24: pairs from the end where the sides differ in depth.
    for n, pairs in ((1, 3), (2, 1), (3, 2), (4, 3)):
        case(f"layer_{n}", n, architecture="deep", **{"gam__layer": n, "hfam__layers": pairs}, batches=[((5, 3, 7), (1, 1, 1), (1, 2, 3))])
    # The queue wraps twice, posts come again and lack a side.
    case("steps", 10, twins=True, gradients=[0, 4], rate=0.05, gam__queue_size=7, gam__momentum=0.6, batches=[
        ((5, 3, 7), (1, 1, 1), (1, 2, 3)), ((4, 6, 2), (1, 1, 1), (4, 5, 6)), ((3, 0, 8), (1, 1, 1), (7, 8, 9)), ((6, 5, 4), (1, 0, 1), (1, 2, 5)), ((2, 4, 9), (1, 1, 1), (3, 6, 7))])
    case("keep_sep_off", 11, hfam__keep_sep=False)
    case("with_cls", 12, fusion__with_cls=True)
    case("clip", 13, twins=True, clip=True)
    case("clip_literal", 14, clip=True, gam__concat="literal")
    case("missing", 15, batches=[((5, 3, 7, 4), (1, 1, 1, 1), (1, 2, 3, 4)), ((4, 0, 2, 6, 5), (1, 1, 0, 1, 1), (5, 6, 7, 8, 9))])
    case("null_tokens", 16, fusion__null_tokens=True, batches=[((4, 0, 2, 6), (1, 1, 0, 1), (5, 6, 7, 8))])
    twice = [((5, 3, 7), (1, 1, 1), (1, 2, 3)), ((4, 6, 2, 5), (1, 1, 1, 1), (2, 4, 4, 1))]
    case("gam_equal_ids_masked", 17, batches=twice)
    case("gam_equal_ids_kept", 17, batches=twice, gam__mask_equal_ids=False)
    case("gam_literal", 18, gam__literal=True)
    case("gam_online_partner", 19, gam__partner="online")
    case("gam_queue_alone", 20, gam__batch_negatives=False)
    case("gam_soft_targets", 21, gam__soft_targets=0.4)
    case("gam_projection", 22, twins=True, gam__proj_dim=6)
    case("hfam_projection", 23, hfam__proj_dim=7)
    case("hfam_decoupled", 24, hfam__decoupled=True, hfam__top_j=1)
    case("hfam_top_3", 25, hfam__top_j=3)
    case("no_gam", 26, loss__lambda_g=0.0, head__gelu_logits=False, loss__label_smoothing=0.1, loss__focal_gamma=1.5, loss__class_weights="1,2.5,0.5")
    case("no_hfam", 27, loss__lambda_f=0.0, gam__learn_temperature=False)
    case("temperatures", 30, gradients=[], rate=0.1, temperatures=[0.499, 0.499])  # both meet their upper bound
    case("pixels", 28, architecture="pixels", image__finetune=True, image__pos="learned", hfam__layers=1)
    case("pixels_shared", 29, architecture="pixels", gradients=[], twins=True, hfam__layers=1, image__finetune=True)
    case("pixels_twin", 29, architecture="pixels", gradients=[], twins=True, hfam__layers=1, image__finetune=True, gam__momentum_backbone=True)


WEIGHTS = {}
if __name__ == "__main__":
    main()
