"""Golden files of the scores: scikit-learn and SciPy on random cases.   Run from anywhere: python tools/golden/make_metrics.py"""
import json
import pathlib

import numpy
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from scipy.stats import binomtest, t
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, matthews_corrcoef, precision_recall_fscore_support

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "metrics"


def best_temperature(probabilities, labels):
    logs = numpy.log(numpy.maximum(probabilities, 1e-12))
    rows = numpy.arange(len(labels))
    loss = lambda log_t: -log_softmax(logs / numpy.exp(log_t), axis=1)[rows, labels].mean()
    return float(numpy.exp(minimize_scalar(loss, bounds=(numpy.log(.05), numpy.log(20)), method="bounded", options={"xatol": 1e-10}).x))


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
    averages = {average: precision_recall_fscore_support(labels, prediction, average=average, zero_division=0) for average in ("macro", "weighted")}
    return {
        "classes": classes, "labels": labels.tolist(), "probabilities": probabilities.ravel().tolist(),
        "accuracy": accuracy_score(labels, prediction), "f1_macro": f1_score(labels, prediction, average="macro", zero_division=0),
        "f1_weighted": f1_score(labels, prediction, average="weighted", zero_division=0),
        **{f"{name}_{average}": float(values[i]) for average, values in averages.items() for i, name in enumerate(("precision", "recall"))},
        "precision": precision.tolist(), "recall": recall.tolist(), "f1": f1.tolist(), "support": support.tolist(),
        "mcc": matthews_corrcoef(labels, prediction), "temperature": best_temperature(probabilities, labels),
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
    pairs = [(0, 0), (1, 0), (5, 5), (5, 6), (3, 11), (40, 22), (121, 59), (900, 1000), (0, 30), (0, 1000), (20000, 19000)]
    mcnemar = [{"only_first": a, "only_second": b, "p_value": binomtest(a, a + b, .5).pvalue if a + b else 1.0} for a, b in pairs]
    student = [{"freedom": freedom, "t": x, "cdf": float(t.cdf(x, freedom)), "level": level, "quantile": float(t.interval(level, freedom)[1])}
               for freedom in (1, 2, 3, 4, 9, 29, 120, 5000) for x, level in ((-40.0, .1), (-2.5, .5), (-.3, .8), (.01, .9), (1.7, .95), (6.0, .999))]
    OUT.mkdir(parents=True, exist_ok=True)
    for name, content in (("classification.json", cases), ("mcnemar.json", mcnemar), ("student.json", student)):
        (OUT / name).write_text(json.dumps(content) + "\n")
        print(f"{OUT / name}: {len(content)} cases, {(OUT / name).stat().st_size} bytes")


if __name__ == "__main__":
    main()
