"""`openai:MODEL@URL`: a judge behind any OpenAI-compatible server."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any, NamedTuple

from ...corpora.errors import JudgeError, UsageError
from ...corpora.records import Item, Problem, Verdict
from ..calls import in_loop
from ..judge import Usage, unread
from ..prompts import load_prompt
from .address import Address, read_address
from .asking import Api, Asking, Choice, Manners, Way
from .faults import Blame, Fault
from .line import Line, Patience
from .meter import Caps, Meter
from .pace import Pace
from .reading import by_logprobs, by_samples, by_text, is_listed
from .secret import Secret, key_from

#: Responses of one call. It does not depend on how many requests are in flight, so that a run can go on with more or
#: fewer; a run that is killed outright loses the answers of one batch at most.
BATCH = 64
#: Headings of notes, and the most texts under each.
WAY, MODEL, SYSTEM = "verdicts are read by", "the server says it is", "system fingerprint"
_MOST_NOTES = 8
#: A longer reply is cut in the store.
_MOST_TEXT = 2000
#: Changes when the same answers would make other verdicts.
VERSION = 1

#: A request that no server has a reason to choke on.
HARMLESS = Item(Problem.make(family="probe", question="What is 2 + 2?", reference="4"), "4")


class Question(NamedTuple):
    """An item, and how it is put to the model."""

    item: Item
    said: dict[str, Any]


class Call:
    """Questions that are asked together, and how far that has come."""

    def __init__(self, questions: list[Question]) -> None:
        self.questions = questions
        self.missing: list[int] = []
        self.answers: dict[int, dict[int, Any]] = {}
        self.verdicts: dict[int, Verdict] = {}


class ServerJudge:
    """Asks a model behind a server, many requests at once.

    How verdicts are read (`by=auto`) and which parameters the server takes is found out by one harmless request in each
    process. Verdicts owe nothing to each other: when a call fails, those it has already are kept (`Piecemeal`). What a
    server answers may still depend a little on what it computes beside it.
    """

    def __init__(
        self,
        name: str,
        address: Address,
        asking: Asking,
        secret: Secret,
        *,
        threshold: float = 0.5,
        in_flight: int = 8,
        caps: Caps | None = None,
        patience: Patience | None = None,
        pace: Pace | None = None,
    ) -> None:
        """
        Raises:
            UsageError: an option is out of range.
            MissingExtra: the package `openai` is not installed.
        """
        if not 0 < threshold < 1:  # false for NaN too
            raise UsageError(f"threshold {threshold} is not between 0 and 1")
        if in_flight < 1:
            raise UsageError(f"in_flight {in_flight} is out of range; write a whole number of at least 1")
        self.asking, self.threshold, self.in_flight = asking, threshold, in_flight
        self.name = name
        self.batch = BATCH
        settings = {field.name: getattr(asking, field.name) for field in fields(asking) if field.name != "prompt"}
        identity = (VERSION, address.model, address.url, asking.prompt.fingerprint, threshold, *settings.items())
        self.fingerprint = hashlib.sha256(repr(identity).encode()).hexdigest()[:16]
        meter = Meter(name, caps or Caps())
        self.line = Line(name, address, secret, patience or Patience(), pace or Pace(), meter, asking.seed)
        self.way: Way | None = None
        self.manners = Manners()
        self._noted: dict[str, list[str]] = {}
        self._remembered: Sequence[str] = ()
        self._call = Call([])

    def score(self, items: Sequence[Item]) -> list[Verdict]:
        """See `Judge.score`."""
        return self.compute(self.prepare(items))

    def score_afresh(self, items: Sequence[Item]) -> list[Verdict]:
        """See `Afresh`: samples of other seeds than `score` drew."""
        return self._verdicts(self.prepare(items), first=self.asking.samples)

    def prepare(self, items: Sequence[Item]) -> list[Question]:
        """See `Staged`: what is put to the model for each item."""
        return [Question(item, self.asking.said(item)) for item in items]

    def compute(self, prepared: list[Question]) -> list[Verdict]:
        """See `Staged`.

        Raises:
            JudgeError: the server fails, whatever is asked, or a cap on spending is reached.
        """
        return self._verdicts(prepared, first=0)

    def done(self, items: Sequence[Item]) -> dict[int, Verdict]:
        """See `Piecemeal`."""
        call = self._call
        asked = [id(question.item) for question in call.questions]
        return dict(call.verdicts) if asked == list(map(id, items)) else {}

    def used(self) -> dict[str, Usage]:
        """See `Metered`."""
        return self.line.meter.used()

    def charge(self, used: Mapping[str, Usage]) -> None:
        """See `Metered`."""
        self.line.meter.charge(used)

    def noted(self) -> dict[str, list[str]]:
        """See `Notes`: how verdicts are read, and what the server says that it is."""
        return {heading: list(texts) for heading, texts in self._noted.items()}

    def remember(self, noted: Mapping[str, Sequence[str]]) -> None:
        """See `Notes`: verdicts of one run are all read in the same way."""
        self._remembered = noted.get(WAY, ())

    def _verdicts(self, questions: list[Question], first: int) -> list[Verdict]:
        """One verdict for each question, by samples from number `first` on where it takes several."""
        self._call = call = Call(questions)
        self.line.mend()
        if not questions:
            return []
        if self.way is None:
            [self.way] = in_loop([self._find_way], 1)
        numbers = range(first, first + (self.asking.samples if self.way == "samples" else 1))
        call.missing = [len(numbers) for _ in questions]
        places = range(len(questions))
        in_loop([partial(self._answer, call, place, number) for place in places for number in numbers], self.in_flight)
        return [call.verdicts[place] for place in places]

    async def _answer(self, call: Call, place: int, number: int) -> None:
        """Get one answer to a question; the last one makes its verdict."""
        assert self.way is not None
        body = self.asking.body(call.questions[place].said, self.way, self.manners, number)
        answer = await self.line.ask(body)
        if self.way == "logprobs" and not isinstance(answer, Fault) and not is_listed(answer):
            answer = await self.line.ask(body)  # once more; then its text is read
        self._note(answer)
        call.answers.setdefault(place, {})[number] = answer
        call.missing[place] -= 1
        if not call.missing[place]:
            found = call.answers.pop(place)
            call.verdicts[place] = self._read([found[number] for number in sorted(found)])

    def _read(self, answers: Sequence[Any]) -> Verdict:
        """The verdict in the answers to one item. A request that has none of its own cannot be read."""
        threshold, scale = self.threshold, self.asking.prompt.scale
        good = [answer for answer in answers if not isinstance(answer, Fault)]
        faults = [answer for answer in answers if isinstance(answer, Fault)]
        if 2 * len(good) <= len(answers):
            verdict = unread(f"no answer: {faults[0].text}")
        elif self.way == "logprobs":
            verdict = by_logprobs(good[0], threshold, scale)
        elif self.way == "samples":
            verdict = by_samples(good, threshold, scale)
        else:
            verdict = by_text(good[0], threshold, scale)
        return replace(verdict, text=self._clean(verdict.text)[:_MOST_TEXT])

    def _clean(self, text: str) -> str:
        """What a server said, without the key, and so that it can be stored: halves of surrogate pairs are replaced."""
        return self.line.secret.hide(text).encode("utf-8", "replace").decode()

    async def _find_way(self) -> Way:
        """Ask the probe, give way to what the server refuses, and see whether it lists alternatives.

        Raises:
            JudgeError: it refuses all the same, lists none where that was asked for, or answers in another way than an
                earlier process of the same run found.
        """
        said, by = self.asking.said(HARMLESS), self.asking.by
        can_list = self.asking.prompt.scale is None or self.asking.prompt.scale.high < 10
        way: Way = ("logprobs" if can_list else "samples") if by == "auto" else by
        while True:
            if way == "logprobs" and not self.manners.top:
                way = self._without_list()
            body = self.asking.body(said, way, self.manners)
            answer = await self.line.attempt(body)
            if not isinstance(answer, Fault):
                if way == "logprobs" and not is_listed(answer):
                    way = self._without_list()
                    continue
                break
            manners = self.manners.after(answer.text) if answer.blame is Blame.REQUEST else None
            if manners is None:
                raise self.line.given_up(answer)
            self.manners = manners
        self.line.probe = body
        self._note(answer)
        self._noted[WAY] = [_WORDS[way].format(samples=self.asking.samples)]
        if self._remembered and list(self._remembered) != self._noted[WAY]:
            raise JudgeError(
                f"judge {self.name}: verdicts of this run were read by {self._remembered[0]}, and as it answers now "
                f"it would be {self._noted[WAY][0]}; serve the model as before, or use another --out"
            )
        return way

    def _without_list(self) -> Way:
        if self.asking.by != "auto":
            raise JudgeError(
                f"judge {self.name}: the server lists no log-probabilities; write by=samples, by=text, or by=auto"
            )
        return "samples"

    def _note(self, answer: Any) -> None:
        for heading, field in ((MODEL, "model"), (SYSTEM, "system_fingerprint")):
            value = getattr(answer, field, None)
            if isinstance(value, str) and value:
                texts = self._noted.setdefault(heading, [])
                text = self._clean(value)[:100]
                if text not in texts and len(texts) < _MOST_NOTES:
                    texts.append(text)


_WORDS = {
    "logprobs": "log-probabilities of the first token",
    "samples": "{samples} samples at temperature 1",
    "text": "the text of one reply",
}


#: The options that verdicts depend on, which are part of the judge's name.
_NAMED = ("prompt", "scale", "api", "by", "samples", "seed", "max_tokens", "system")


def openai(
    spec: str,
    *,
    prompt: str = "match",
    scale: str | None = None,
    threshold: float = 0.5,
    api: Api = "chat",
    by: Choice = "auto",
    samples: int = 5,
    seed: int = 0,
    max_tokens: int | None = None,
    system: bool = True,
    in_flight: int = 8,
    tries: int = 5,
    timeout: float = 60.0,
    connect: float = 10.0,
    backoff: float = 0.5,
    rpm: float | None = None,
    tpm: float | None = None,
    price_in: float | None = None,
    price_out: float | None = None,
    max_calls: int | None = None,
    max_cost: float | None = None,
    key_env: str | None = None,
) -> ServerJudge:
    """A model behind an OpenAI-compatible server: vLLM, SGLang, llama.cpp, Ollama, transformers serve, OpenAI.

    See docs/servers.md for the options.

    Raises:
        UsageError: no such prompt, an option out of range, a URL that is none, or no key where one is needed.
        MissingExtra: the package `openai` is not installed.
    """
    given = locals()
    address = read_address(spec, key_env)
    defaults = {name: parameter.default for name, parameter in inspect.signature(openai).parameters.items()}
    said = "&".join(f"{option}={given[option]}" for option in _NAMED if given[option] != defaults[option])
    return ServerJudge(
        f"openai:{address.model}@{address.url}" + (f"?{said}" if said else ""),
        address,
        Asking(load_prompt(prompt, scale=scale), api, by, samples, seed, max_tokens, system),
        key_from(address.key_env, needed=address.needs_key or key_env is not None),
        threshold=threshold,
        in_flight=in_flight,
        caps=Caps(price_in, price_out, max_calls, max_cost),
        patience=Patience(tries, timeout, connect, backoff),
        pace=Pace(rpm, tpm),
    )
