"""nanoGCG (Greedy Coordinate Gradient, arXiv 2307.15043) against the judge of a task folder. Runs in the peers' env.

It is nanoGCG's loop, sampling, filter and buffer, with 8 tokens, width 32 and its other defaults; its objective, the
cross-entropy of a target text, becomes the judge's margin. Each distinct candidate text is a query; gradients, one a
step, are counted apart (each costs a forward and a backward pass). Two things of nanoGCG's do not fit a judge's
prompt. It strips every BOS, which in a chat template is every role's mark: here the prompt comes as token ids. And it
filters tokens that decode and encode to others looking at the string alone: here inside the whole prompt, where the
first of them melts with the blank before it.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

import nanogcg.gcg
import torch
from nanogcg.gcg import GCG, AttackBuffer, GCGConfig, sample_ids_from_grad
from transformers import set_seed
from victim import Ledger, Problem, StuckError, Victim, arguments, run

#: As in nanoGCG, where it is 20 times `x`.
LENGTH = 8
INIT = " ".join(["x"] * LENGTH)
WIDTH = 32


class JudgeGCG(GCG):  # type: ignore[misc]
    """nanoGCG with a judge's margin as what it climbs. One object serves all problems."""

    def __init__(self, victim: Victim) -> None:
        super().__init__(victim.model, victim.tokenizer, GCGConfig(optim_str_init=INIT, search_width=WIDTH))
        self.victim = victim
        # nanoGCG forbids only special tokens that have a role; those are text to a judge, and filtered out anyway.
        specials = torch.tensor(victim.tokenizer.convert_tokens_to_ids(victim.task.data["specials"]))
        self.not_allowed_ids = torch.cat([self.not_allowed_ids, specials.to(victim.model.device)]).unique()

    def attack(self, ledger: Ledger) -> None:
        """`GCG.run` on one problem, until the ledger ends it.

        Raises:
            OverError: always, sooner or later.
        """
        config, problem = self.config, ledger.problem
        self.enter(problem)
        [whole] = self.victim.encode(problem, [INIT])
        ids = torch.tensor([whole[len(self.victim.prefix) : len(whole) - len(self.after)]], device=self.model.device)
        if ids.shape[1] != LENGTH:
            raise SystemExit(f"{INIT!r} is {ids.shape[1]} tokens in the prompt, not {LENGTH}")
        buffer = AttackBuffer(config.buffer_size)
        buffer.add(-ledger.ask([INIT])[0], ids)
        misses = 0
        while misses < 100:
            best = buffer.get_best_ids()
            gradient = self.compute_token_gradient(best)
            ledger.gradients += 1
            sampled = sample_ids_from_grad(
                best.squeeze(0),
                gradient.squeeze(0),
                config.search_width,
                config.topk,
                config.n_replace,
                not_allowed_ids=self.not_allowed_ids,
            )
            kept, texts = self.faithful(problem, sampled)
            misses = 0 if texts else misses + 1
            if texts:
                losses = [-margin for margin in ledger.ask(texts)]
                place = min(range(len(losses)), key=losses.__getitem__)
                if buffer.size == 0 or losses[place] < buffer.get_highest_loss():
                    buffer.add(losses[place], kept[[place]])

    def enter(self, problem: Problem) -> None:
        """Set what stands before and after the response; the response takes the blanks that end `before` with it."""
        self.victim.turn_to(problem)
        self.gap = problem.before[len(problem.before.rstrip(" ")) :]
        self.after = self.victim.tokenizer(problem.after, add_special_tokens=False)["input_ids"]
        self.after_embeds = self.embedding_layer(torch.tensor([self.after], device=self.model.device))

    def faithful(self, problem: Problem, sampled: torch.Tensor) -> tuple[torch.Tensor, list[str]]:
        """The candidates whose text is read by the judge as these very tokens, and those texts."""
        decoded = self.tokenizer.batch_decode(sampled, clean_up_tokenization_spaces=False)
        texts = [text.removeprefix(self.gap) for text in decoded]
        expected = [[*self.victim.prefix, *row, *self.after] for row in sampled.tolist()]
        kept = [i for i, ids in enumerate(self.victim.encode(problem, texts)) if ids == expected[i]]
        return sampled[kept], [texts[i] for i in kept]

    def compute_token_gradient(self, optim_ids: torch.Tensor) -> torch.Tensor:
        """The gradient of minus the margin with respect to the one-hot tokens: `(1, tokens, vocabulary)`."""
        weight = self.embedding_layer.weight
        onehot = torch.nn.functional.one_hot(optim_ids, num_classes=weight.shape[0]).to(weight.dtype).requires_grad_()
        body: Any = self.model.base_model(
            inputs_embeds=torch.cat([onehot @ weight, self.after_embeds], dim=1),
            past_key_values=self.victim.cache(1),
            use_cache=True,
        )
        loss = -self.victim.odds(body.last_hidden_state[:, -1]).sum()
        gradient: torch.Tensor = torch.autograd.grad(outputs=[loss], inputs=[onehot])[0]
        return gradient


@cache
def gcg_of(victim: Victim) -> JudgeGCG:
    """One object for all problems: nanoGCG decodes the whole vocabulary to make one."""
    return JudgeGCG(victim)


def search(key: str, victim: Victim, ledger: Ledger, seed: int) -> None:
    """Attack one problem. Stuck, it goes on from its beginning with other random numbers, up to ten times."""
    set_seed(seed)
    gcg = gcg_of(victim)
    for _ in range(10):
        try:
            gcg.attack(ledger)
        except StuckError:
            continue


def main() -> None:
    nanogcg.gcg.logger.setLevel(logging.ERROR)
    run(arguments(__doc__, ["nanogcg"]), "nanogcg", search)


if __name__ == "__main__":
    main()
