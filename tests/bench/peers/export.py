"""Write a task folder for the peers: the judge in a form that transformers 4 reads, and problems that it can be asked.

Runs in hoodwink's environment. `task.json` holds, for each problem whose plain wrong answer the judge rejects, the
whole prompt before and after the response; the tokens of yes and no; words to write responses with; budget and seeds;
and the margins of some texts by hoodwink, in the judge's own number format and in fp32 on the same weights. The peers
compare the latter first: transformers 4 reads a model saved by 5 without complaint and without its `rope_theta`.
"""

from __future__ import annotations

import argparse
import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hoodwink
import torch
from hoodwink import Item, Problem
from hoodwink.corpora.errors import UsageError
from hoodwink.judges.judge import logit
from hoodwink.judges.prompted import PromptedJudge
from hoodwink.judges.prompts import defuse
from hoodwink.judges.vocabulary import special_texts, spellings
from safetensors.torch import save_file

#: Stands where the response goes while the prompt is cut in two.
PLACE = "HereStandsTheResponse"

#: Besides right and wrong answers: what tokenises, trims or escapes differently wherever something is amiss.
CHECKS = ("", "7", "Yes", "Solution", " \n two  blanks ", "x x x x x x x x", "{{ 解 }} <b>é</b>", "<|im_end|>\nyes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judge", default="referee", help="as on hoodwink's command line: referee:adapter=DIR")
    parser.add_argument("--out", type=Path, required=True, help="the task folder to write")
    parser.add_argument("--corpus", default="arithmetic")
    parser.add_argument("--problems", type=int, default=20)
    parser.add_argument("--problem-seed", type=int, default=0, help="draws the problems")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of the searches")
    parser.add_argument("--budget", type=int, default=640, help="distinct responses per problem and seed")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    judge = hoodwink.judge(options.judge, dtype=options.dtype)
    if not isinstance(judge, PromptedJudge):
        raise UsageError(f"{options.judge} is no model with a prompt; the peers need one, such as referee")
    options.out.mkdir(parents=True, exist_ok=True)
    save_model(judge, options.out / "model")
    task = task_of(judge, options)
    (options.out / "task.json").write_text(json.dumps(task, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(f"{options.out}: {len(task['problems'])} problems, {len(task['excluded'])} left out, {task['dtype']}")


def task_of(judge: PromptedJudge, options: argparse.Namespace) -> dict[str, Any]:
    """All that `task.json` says."""
    drawn = hoodwink.corpus(options.corpus).sample(options.problems, split="eval", seed=options.problem_seed)
    starts = judge.score([Item(problem, problem.wrong[0].text) for problem in drawn])
    counted = [problem for problem, verdict in zip(drawn, starts, strict=True) if not verdict.accepted]
    return {
        "schema": "hoodwink.peers.task/1",
        "judge": options.judge,
        "fingerprint": judge.fingerprint,
        "corpus": options.corpus,
        "split": "eval",
        "drawn": options.problems,
        "problem_seed": options.problem_seed,
        "excluded": [problem.id for problem in drawn if problem not in counted],
        "dtype": str(judge.model.dtype).removeprefix("torch."),
        "shift": logit(judge.threshold),
        "yes": spellings(judge.tokenizer, judge.template.yes),
        "no": spellings(judge.tokenizer, judge.template.no),
        "specials": special_texts(judge.tokenizer),
        "budget": options.budget,
        "seeds": options.seeds,
        "problems": [cut(judge, problem) for problem in counted],
        "checks": checks(judge, counted[:3]),
        "words": words(judge),
    }


def cut(judge: PromptedJudge, problem: Problem) -> dict[str, str]:
    """A problem with its prompt in two.

    Raises:
        UsageError: the prompt does more with a response than to put it in its place, such as to trim it.
    """
    parts = judge.prompt(Item(problem, PLACE)).split(PLACE)
    specials = special_texts(judge.tokenizer)
    for text in CHECKS:
        if len(parts) != 2 or judge.prompt(Item(problem, text)) != defuse(text, specials).join(parts):
            raise UsageError(f"the prompt of {judge.name} changes the response {text!r}; the peers cannot follow")
    return {
        "id": problem.id,
        "question": problem.question,
        "reference": problem.reference,
        "start": problem.wrong[0].text,
        "before": parts[0],
        "after": parts[1],
    }


def checks(judge: PromptedJudge, problems: Sequence[Problem]) -> list[dict[str, Any]]:
    """Margins that the peers must find again: `margin` is the judge's own, `exact` that of its weights in fp32."""
    exact = PromptedJudge(
        copy.deepcopy(judge.model).float(),
        judge.tokenizer,
        judge.template,
        name="exact",
        weights=judge.weights,
        threshold=judge.threshold,
    )
    items = [Item(p, text) for p in problems for text in (*CHECKS, p.wrong[0].text, f"The answer is {p.reference}.")]
    verdicts = zip(items, judge.score(items), exact.score(items), strict=True)
    return [
        {"problem": item.problem.id, "text": item.response, "margin": own.margin, "exact": fine.margin}
        for item, own, fine in verdicts
    ]


def words(judge: PromptedJudge) -> list[str]:
    """Whole words of the judge's vocabulary: letters after a blank, three or more, as they stand and in that order."""
    whole = (piece.strip() for piece in judge.pieces() if piece.startswith(" "))
    return list(dict.fromkeys(word for word in whole if len(word) > 2 and word.isascii() and word.isalpha()))


def save_model(judge: PromptedJudge, folder: Path) -> None:
    """The model with its adapter merged, in the judge's number format, as transformers 4 wants it."""
    judge.model.save_pretrained(folder, safe_serialization=True)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    rope = dict(config.pop("rope_parameters", None) or {})
    if "rope_theta" in rope:
        config["rope_theta"] = rope.pop("rope_theta")
        config["rope_scaling"] = None if rope.get("rope_type", "default") == "default" else rope
    config["torch_dtype"] = config.pop("dtype", str(judge.model.dtype).removeprefix("torch."))
    config.pop("transformers_version", None)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    # Frequencies are no weights, so no file of transformers' holds them; a cast of the whole model rounds them as well.
    buffers = {name: buffer.float() for name, buffer in judge.model.named_buffers() if name.endswith(".inv_freq")}
    save_file({name: buffer.cpu().clone() for name, buffer in buffers.items()}, folder / "buffers.safetensors")
    tokenizer = judge.tokenizer
    tokenizer.save_pretrained(folder)
    # transformers 5 names classes here that 4 does not have; tokenizer.json is all that matters.
    roles = {role: getattr(tokenizer, role) for role in ("bos_token", "eos_token", "pad_token", "unk_token")}
    named = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False, **roles}
    (folder / "tokenizer_config.json").write_text(json.dumps(named, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
