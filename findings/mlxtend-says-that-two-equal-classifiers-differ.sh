#!/usr/bin/env bash
# mlxtend 0.25.0 (2026): McNemar's test of two classifiers that agree on every post says p = 0.
#
# `mcnemar(table)` with its defaults (continuity correction, chi-squared) divides (|b - c| - 1)^2 by b + c. Where no post is judged differently that is 1 / 0: chi2 = inf, p = 0.0,
# with a RuntimeWarning that a notebook's log swallows. Read as it stands, a model is significantly different from its own copy, which is what one compares first to try a
# script. `exact=True` gives the right 1.0; without the correction it is nan. And where b = c = 5 the corrected chi2 is 0.1, not 0. infig's `compare` always uses the
# exact test.
#
# Seen with 0.25.0 on Python 3.11. Prints "as documented here" and ends with 0 as long as it is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check mlxtend==0.25.0 numpy==2.4.6 scikit-learn==1.9.1 scipy==1.17.1 pandas==3.1.1
cat >equal.py <<'CODE'
import warnings

import numpy as np
from mlxtend.evaluate import mcnemar, mcnemar_table

warnings.simplefilter("ignore")
truth = np.array([0, 1, 2] * 30)
answers = np.where(np.arange(90) % 4 == 0, 0, truth)
table = mcnemar_table(y_target=truth, y_model1=answers, y_model2=answers)
print(*(float(x) for x in mcnemar(table)), float(mcnemar(table, exact=True)[1]), float(mcnemar(np.array([[50, 5], [5, 40]]))[0]))
CODE
found=$(venv/bin/python equal.py)
echo "mlxtend 0.25.0: chi2 and p of a model and its copy, p of the exact test, chi2 of 5 against 5: $found"
if [[ "$found" != "inf 0.0 1.0 0.1" ]]; then
  echo "changed: expected inf 0.0 1.0 0.1" >&2
  exit 1
fi
echo "as documented here"
