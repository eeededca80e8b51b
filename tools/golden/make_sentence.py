"""Golden file of tests/encoders: what sentence-transformers' own modules make of hidden states.

Needs torch, safetensors, sentence-transformers:  python tools/golden/make_sentence.py
Writes tests/golden/encoders/sentence.safetensors: hidden_states, attention_mask, the weights of a Dense, and for each way of pooling its vectors.
"""
import pathlib

import torch
from safetensors.torch import save_file
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "encoders" / "sentence.safetensors"
MODES = ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]


def main():
    torch.manual_seed(3)
    hidden, mask = torch.randn(3, 5, 4), torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 1, 0]])
    hidden = hidden * mask.unsqueeze(2)  # infig's states are 0 there
    tensors = {"hidden_states": hidden, "attention_mask": mask}
    for mode in [*MODES, ["mean", "cls", "max"]]:
        features = {"token_embeddings": hidden, "attention_mask": mask}
        name = mode if isinstance(mode, str) else "joined"
        tensors[f"pooled.{name}"] = Pooling(4, mode)(features)["sentence_embedding"]
    dense = Dense(4, 3)
    residual = Dense(4, 3, activation_function=torch.nn.Identity(), use_residual=True)
    with torch.no_grad():
        mean = tensors["pooled.mean"]
        tensors["dense"] = Normalize()(dense({"sentence_embedding": mean}))["sentence_embedding"]
        tensors["residual"] = residual({"sentence_embedding": mean})["sentence_embedding"]
    for name, module in {"dense": dense, "residual": residual}.items():
        tensors.update({f"weight.{name}.{key}": value.detach() for key, value in module.state_dict().items()})
    save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, OUT, metadata={"settings": "{}"})
    print(OUT.name, OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
