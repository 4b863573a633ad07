"""Policies over token strings: their numbers are those that enumeration gives, and they learn what is rewarded."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hoodwink.fuzz.policies import Policy

FORMS = ("positions", "bigram")
SIZE, LENGTH = 3, 4


def random_policy(form, seed=0):
    policy = Policy(SIZE, LENGTH, form=form, lr=1.0)
    policy.logits[:] = np.random.default_rng(seed).normal(size=policy.logits.shape)
    return policy


def log_probability(policy, string):
    total, before = 0.0, SIZE
    for place, token in enumerate(string):
        row = policy.logits[place if policy.form == "positions" else before]
        total += row[token] - np.log(np.exp(row).sum())
        before = token
    return float(total)


def everything(policy):
    return {s: log_probability(policy, s) for s in itertools.product(range(SIZE), repeat=LENGTH)}


@pytest.mark.parametrize("form", FORMS)
def test_at_first_all_strings_are_alike(form):
    policy = Policy(50, 6, form=form)
    assert policy.entropy() == pytest.approx(math.log(50))
    samples = policy.sample(np.random.default_rng(0), 2000)
    assert samples.shape == (2000, 6)
    assert np.bincount(samples.ravel(), minlength=50).min() > 150


@pytest.mark.parametrize("form", FORMS)
def test_samples_are_as_frequent_as_they_are_likely(form):
    policy = random_policy(form)
    samples = policy.sample(np.random.default_rng(1), 40000)
    counts = dict.fromkeys(everything(policy), 0)
    for row in samples.tolist():
        counts[tuple(row)] += 1
    for string, log in everything(policy).items():
        assert counts[string] / 40000 == pytest.approx(math.exp(log), abs=0.01)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(5))
def test_entropy_and_mode_are_those_of_all_strings(form, seed):
    policy = random_policy(form, seed)
    logs = everything(policy)
    assert policy.entropy() == pytest.approx(-sum(math.exp(v) * v for v in logs.values()) / LENGTH)
    assert tuple(policy.mode().tolist()) == max(logs, key=lambda s: logs[s])


@pytest.mark.parametrize("form", FORMS)
def test_a_step_follows_the_gradient_of_log_probabilities_by_advantage(form):
    policy = random_policy(form)
    policy.baseline = 0.25
    samples = np.array([[0, 1, 2, 0], [2, 2, 2, 2], [0, 0, 1, 1]])
    rewards = np.array([1.0, 0.0, 0.5])
    advantages = (rewards - 0.25) / rewards.std()

    def objective():
        return sum(a * log_probability(policy, s) for a, s in zip(advantages, samples.tolist(), strict=True)) / 3

    before = policy.logits.copy()
    expected = np.zeros_like(before)
    for place in np.ndindex(before.shape):
        policy.logits[place] += 1e-5
        up = objective()
        policy.logits[place] -= 2e-5
        expected[place] = (up - objective()) / 2e-5
        policy.logits[place] = before[place]
    policy.update(samples, rewards)
    assert policy.logits - before == pytest.approx(expected, abs=1e-6)
    assert policy.baseline == pytest.approx(0.8 * 0.25 + 0.2 * 0.5)


@pytest.mark.parametrize("form", FORMS)
def test_equal_rewards_teach_nothing_and_the_bonus_evens_out(form):
    policy = random_policy(form)
    before = policy.logits.copy()
    samples = policy.sample(np.random.default_rng(0), 200)
    policy.update(samples, np.full(200, 0.7))
    assert (policy.logits == before).all()
    policy.bonus = 1.0
    entropy = policy.entropy()
    policy.update(samples, np.full(200, 0.7))
    assert policy.entropy() > entropy


@pytest.mark.parametrize("form", FORMS)
def test_a_policy_collapses_onto_what_is_rewarded(form):
    """Reward: the share of one token. It rises to near 1, and the entropy falls with it."""
    policy, rng = Policy(64, 6, form=form, lr=4.0), np.random.default_rng(0)
    means, entropies = [], []
    for _ in range(60):
        samples = policy.sample(rng, 32)
        rewards = (samples == 7).mean(1)
        policy.update(samples, rewards)
        means.append(rewards.mean())
        entropies.append(policy.entropy())
    assert means[0] < 0.1
    assert np.mean(means[-5:]) > 0.95
    assert entropies[0] > 3.5
    assert entropies[-1] < 0.5
    assert policy.mode().tolist() == [7] * 6
