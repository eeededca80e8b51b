"""Golden answers for tests/model: logistic regression and TF-IDF as scikit-learn computes them.

Run with an environment of tools/requirements-golden.txt: python tools/golden/make_model.py
"""

import json
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

OUT = Path(__file__).resolve().parents[2] / "tests" / "golden" / "model"


def rounded(rows, digits=9):
    return [[round(float(value), digits) for value in row] for row in rows]


def logistic_regression():
    draw = np.random.default_rng(7)
    x = np.round(draw.normal(size=(60, 8)), 3).astype(np.float32)
    y = (x @ draw.normal(size=(8, 3)) + draw.normal(size=(60, 3))).argmax(1)
    fits = []
    for c in [0.01, 1.0, 100.0]:
        model = LogisticRegression(C=c, max_iter=100000, tol=1e-10).fit(x.astype(np.float64), y)
        fits.append({"c": c, "probabilities": rounded(model.predict_proba(x.astype(np.float64)))})
    return {"x": rounded(x, 3), "y": y.tolist(), "fits": fits}


def tfidf():
    train = [
        "What a LOVELY day, what a day!",
        "the_rain isn't over: 2 days 10 nights",
        "Ärger über Straßen — naïve café",
        "día 日本語 テスト русский ΑΒΓ",
        "a b c",
        "",
        "x1 x1 x1 the the lovely",
        "emoji 😀😀 between❤️words and #hash_tag @user http://t.co/AbC",
        "½ cup ² squared Ⅷ",
    ]
    other = ["lovely lovely rain", "unseen words only", "the lovely day was what the_rain made", "ΑΒΓ x1"]
    vectorizer = TfidfVectorizer(ngram_range=(1, 2)).fit(train)
    result = {"train": train, "other": other, "terms": len(vectorizer.vocabulary_)}
    for name, texts in [("train", train), ("other", other)]:
        matrix = vectorizer.transform(texts).toarray()
        result[f"{name}_products"] = rounded(matrix @ matrix.T)
        result[f"{name}_sorted"] = rounded(np.sort(matrix, 1))
    return result


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    golden = {"logistic_regression": logistic_regression(), "tfidf": tfidf()}
    (OUT / "anchors.json").write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n")
