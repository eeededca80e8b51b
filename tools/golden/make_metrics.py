"""Golden file of the classification scores: scikit-learn on random cases.   Run from anywhere: python tools/golden/make_metrics.py"""
import json
import pathlib

import numpy
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "metrics" / "classification.json"


def case(draw, count, classes, true_classes, predicted_classes, sharpness):
    logits = draw.normal(size=(count, classes)) * sharpness
    hidden = [c for c in range(classes) if c not in predicted_classes]
    logits[:, hidden] -= 50
    probabilities = numpy.exp(logits - logits.max(1, keepdims=True))
    probabilities /= probabilities.sum(1, keepdims=True)
    probabilities = numpy.array([[float(f"{p:.6g}") for p in row] for row in probabilities])
    labels = draw.choice(true_classes, size=count)
    prediction = probabilities.argmax(1)
    everything = list(range(classes))
    precision, recall, f1, support = precision_recall_fscore_support(labels, prediction, labels=everything, zero_division=0)
    return {
        "classes": classes, "labels": labels.tolist(), "probabilities": probabilities.ravel().tolist(),
        "accuracy": accuracy_score(labels, prediction), "f1_macro": f1_score(labels, prediction, average="macro", zero_division=0),
        "f1_weighted": f1_score(labels, prediction, average="weighted", zero_division=0),
        "precision": precision.tolist(), "recall": recall.tolist(), "f1": f1.tolist(), "support": support.tolist(),
        "confusion": confusion_matrix(labels, prediction, labels=everything).tolist(),
    }


def main():
    draw = numpy.random.default_rng(7)
    cases = [
        case(draw, 200, 3, [0, 1, 2], [0, 1, 2], 1.5),
        case(draw, 120, 7, list(range(7)), list(range(7)), 1.0),
        case(draw, 60, 4, [0, 1], [0, 1, 2, 3], 1.0),     # classes that are never true
        case(draw, 60, 4, [0, 1, 2, 3], [1, 2], 1.0),     # classes that are never predicted
        case(draw, 50, 5, [0, 2], [0, 4], 1.0),           # classes that are neither (1, 3)
        case(draw, 40, 3, [0], [2], 1.0),                 # nothing right
        case(draw, 30, 2, [1], [1], 1.0),                 # everything right
        case(draw, 1, 3, [2], [0, 1, 2], 1.0),
        case(draw, 10, 1, [0], [0], 1.0),                 # one class
    ]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(cases) + "\n")
    print(f"{OUT}: {len(cases)} cases, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
