"""Which pseudo-labelled samples to trust: by one model, and by two that agree.

Samples are rows of a pool. Labels of tagged sentences stand one after the other, a
sentence's from ``offsets[row]`` to ``offsets[row + 1]``; a sentence pair has one.
"""

from typing import NamedTuple

import numpy as np
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler

from fairseq_xling.errors import UserError

# What EM stops at, and what is added to variances of features of variance 1.
TOLERANCE = 1e-5
REGULARIZATION = 1e-5


class Scores(NamedTuple):
    """What one model thinks of its own label of a sample.

    Attributes:
        confidence: mean over words of the largest probability (MultiMix eq. 2).
        loss: mean over words of the cross-entropy against the predicted labels, nats.
    """

    confidence: float
    loss: float


def score(probabilities: np.ndarray) -> Scores:
    """Score a sample by the probabilities of its labels.

    Args:
        probabilities: ``(words, classes)``; one row for a sentence pair.

    Source: MultiMix section 3.3, eq. 2.
    """
    best = probabilities.max(axis=1).astype(np.float64)
    return Scores(float(best.mean()), float(-np.log(best).mean()))


def check_percentage(percent: float) -> None:
    """Refuse a percentage that selects none, or more than all.

    Raises:
        UserError: it is out of range.
    """
    if not 0 < percent <= 100:
        raise UserError(
            f"--distill-factor {percent:g}: give a percentage above 0, at most 100"
        )


def check_threshold(threshold: float) -> None:
    """Refuse a threshold that is no probability, or selects none.

    Raises:
        UserError: it is out of range.
    """
    if not 0 <= threshold < 1:
        raise UserError(
            f"--posterior-threshold {threshold:g}: give a value from 0 to below 1"
        )


def select_confident(confidence: np.ndarray, percent: float) -> np.ndarray:
    """Select the most confident samples.

    Args:
        confidence: ``(samples,)``.
        percent: eta, how many are selected, above 0 and at most 100. Of any samples at
            least one is; of equally confident ones the earlier.

    Returns:
        bool ``(samples,)``.

    Raises:
        UserError: ``percent`` is out of range.

    Source: MultiMix section 3.3 (i).
    """
    check_percentage(percent)
    selected = np.zeros(len(confidence), bool)
    count = max(1, int(len(confidence) * percent // 100))
    selected[np.argsort(-confidence, kind="stable")[:count]] = True
    return selected


def goodness(features: np.ndarray, seed: int) -> np.ndarray:
    """Posterior probability of the component of smaller mean loss.

    A mixture of two Gaussians with full covariances is fitted to the features, each
    scaled to mean 0 and variance 1, so that their units do not matter.

    Args:
        features: ``(samples, features)``; the first is the loss.
        seed: for EM's start.

    Returns:
        ``(samples,)``; 1 for all where nothing can be told apart: of fewer than two
        samples, or where all losses are equal.

    Raises:
        UserError: a feature is not a number.

    Source: MultiMix section 3.3 (ii) and appendix A.
    """
    if not np.isfinite(features).all():
        row, column = np.argwhere(~np.isfinite(features))[0]
        raise UserError(
            f"feature {column + 1} of sample {row + 1} is not a number; leave it out"
        )
    features = np.asarray(features, np.float64)
    if len(features) < 2 or np.ptp(features[:, 0]) == 0:
        return np.ones(len(features))
    scaled = StandardScaler().fit_transform(features)
    mixture = GaussianMixture(
        2,
        covariance_type="full",
        tol=TOLERANCE,
        reg_covar=REGULARIZATION,
        max_iter=1000,
        random_state=seed,
    ).fit(scaled)
    return mixture.predict_proba(scaled)[:, mixture.means_[:, 0].argmin()]


def select_clustered(
    features: np.ndarray, threshold: float = 0.5, seed: int = 1
) -> np.ndarray:
    """Select the samples that belong to the component of smaller mean loss.

    Args:
        features: ``(samples, features)``; the first is the loss.
        threshold: what the posterior probability must exceed, from 0 to below 1.
        seed: for EM's start.

    Returns:
        bool ``(samples,)``.

    Raises:
        UserError: ``threshold`` is out of range, or a feature is not a number.

    Source: MultiMix section 3.3 (ii) and appendix A.
    """
    check_threshold(threshold)
    return goodness(features, seed) > threshold


def agree(one: np.ndarray, other: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Tell on which samples two models have the same labels, on all words.

    Args:
        one, other: labels ``(words of all samples,)``.
        offsets: where each sample's labels begin, and their end, ``(samples + 1,)``.

    Returns:
        bool ``(samples,)``; true for a sample without words.

    Source: MultiMix section 3.3, AGREEMENT.
    """
    different = np.concatenate([[0], np.cumsum(one != other)])
    return different[offsets[1:]] == different[offsets[:-1]]
