"""How well captions match what people wrote: BLEU, ROUGE-L and CIDEr-D, without Java.

Sources: Papineni et al., "BLEU: a Method for Automatic Evaluation of Machine Translation", ACL 2002; Lin, "ROUGE: A
Package for Automatic Evaluation of Summaries", 2004; Vedantam et al., "CIDEr: Consensus-based Image Description
Evaluation", CVPR 2015. Figures are those of pycocoevalcap 1.2, which publications use: its "CIDEr" is CIDEr-D, with
clipped counts and a penalty for length, times 10; its ROUGE-L takes precision and recall from the best reference each.
Words are cut as its tokenizer of the Penn Treebank does it, by rules of our own (`words`).
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gencontrol.errors import InputError

Tokens = Sequence[str]
Written = Sequence[Tokens]
"""What several people wrote of one thing, at least one."""
LONGEST = 4
"""Words in the longest run that BLEU and CIDEr count."""
SIGMA = 6.0
"""Of CIDEr-D: how fast captions lose that are longer or shorter, in words."""
BETA = 1.2
"""Of ROUGE-L: how much more recall counts than precision, as pycocoevalcap has it."""
# What pycocoevalcap drops, and brackets as its tokenizer writes them.
_DROPPED = frozenset("'' ' `` ` . ? ! , : - -- ... ; \"".split())
_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "{": "-lcb-", "}": "-rcb-", "[": "-lsb-", "]": "-rsb-"}
_APART = (
    (re.compile(r"n['\u2019]t\b"), " n't"),
    (re.compile(r"(?<=\w)['\u2019](s|re|ve|ll|d|m)\b"), r" '\1"),
    (re.compile(r"\bcannot\b"), "can not"),
    (re.compile(r"\b(gon|wan)(na)\b"), r"\1 \2"),
    (re.compile(r"\bgotta\b"), "got ta"),
)
_WORD = re.compile(
    r"n't|'(?:s|re|ve|ll|d|m)\b|\d+(?:[.,:]\d+)*(?![\w-])|(?:[a-z]\.){2,}|(?:mr|mrs|ms|dr|st|jr)\.|[\w]+(?:-\w+)*|\.\.\.|--|[^\w\s]"
)


@dataclass(frozen=True, kw_only=True)
class CaptionScores:
    """Of all captions of a set together."""

    cider_d: float
    """Mean over captions; [0, 10], often written times 100."""
    bleu: tuple[float, ...]
    """Of runs up to 1, 2, 3 and 4 words; [0, 1]."""
    rouge_l: float
    """Mean over captions; [0, 1]."""


def words(text: str) -> tuple[str, ...]:
    """The words of a caption in small letters, without marks of punctuation."""
    text = text.lower()
    for pattern, apart in _APART:
        text = pattern.sub(apart, text)
    found: list[str] = _WORD.findall(text)
    return tuple(_BRACKETS.get(word, word) for word in found if word not in _DROPPED)


def caption_scores(said: Sequence[str], written: Sequence[Sequence[str]]) -> CaptionScores:
    """All scores of captions, one for each thing.

    Args:
        said: One caption a thing.
        written: What people wrote of it.

    Raises:
        InputError: No caption, another number of them, or a thing of which nobody wrote.
    """
    if not said or len(said) != len(written) or not all(written):
        raise InputError(
            f"Expected a caption for each thing and at least one text that people wrote of it, got {len(said)} "
            f"captions and texts of {sum(map(bool, written))} of {len(written)} things."
        )
    mine = [words(caption) for caption in said]
    theirs = [[words(text) for text in texts] for texts in written]
    return CaptionScores(
        cider_d=_mean(cider_d(mine, theirs)),
        bleu=bleu(mine, theirs),
        rouge_l=_mean(rouge_l(caption, texts) for caption, texts in zip(mine, theirs, strict=True)),
    )


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return math.fsum(listed) / len(listed)


def _runs(tokens: Tokens) -> Counter[tuple[str, ...]]:
    """How often each run of 1 to `LONGEST` words comes."""
    lengths = range(1, LONGEST + 1)
    return Counter(tuple(tokens[i : i + n]) for n in lengths for i in range(len(tokens) - n + 1))


def bleu(said: Sequence[Tokens], written: Sequence[Written]) -> tuple[float, ...]:
    """BLEU-1 to BLEU-4 of all captions together, against the text of the closest length each.

    Args:
        said: Captions.
        written: What people wrote, one list for each caption.

    Returns:
        0 for lengths of which no run is right, where pycocoevalcap has up to 1e-4 for the sake of its logarithm.
    """
    right, tried = [0] * LONGEST, [0] * LONGEST
    length = wanted = 0
    for caption, texts in zip(said, written, strict=True):
        length += len(caption)
        wanted += min((abs(len(text) - len(caption)), len(text)) for text in texts)[1]
        most: Counter[tuple[str, ...]] = Counter()
        for text in texts:
            most |= _runs(text)
        for run, count in _runs(caption).items():
            tried[len(run) - 1] += count
            right[len(run) - 1] += min(count, most[run])
    short = 1.0 if length >= wanted else math.exp(1 - wanted / length) if length else 0.0
    shares = [hits / count if count else 0.0 for hits, count in zip(right, tried, strict=True)]
    return tuple(short * math.prod(shares[: n + 1]) ** (1 / (n + 1)) for n in range(LONGEST))


def rouge_l(caption: Tokens, texts: Written) -> float:
    """By the longest sequence of words that a caption has in common with each text; [0, 1]."""
    shared = [(_common(caption, text), len(text)) for text in texts]
    if not caption or not any(length for length, _ in shared):
        return 0.0
    precision = max(length / len(caption) for length, _ in shared)
    recall = max(length / of for length, of in shared if of)
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def _common(one: Tokens, other: Tokens) -> int:
    """Words of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for word in one:
        before = 0
        for place, against in enumerate(other, start=1):
            before, row[place] = row[place], before + 1 if word == against else max(row[place], row[place - 1])
    return row[-1]


def cider_d(said: Sequence[Tokens], written: Sequence[Written]) -> list[float]:
    """CIDEr-D of each caption, [0, 10]; how rare words are is counted among the texts themselves.

    Of few things it means little, and of one thing it is 0: everything that was written is in every text.

    Args:
        said: Captions.
        written: What people wrote, one list for each caption.
    """
    counted = [[_runs(text) for text in texts] for texts in written]
    seen = Counter(run for texts in counted for run in set().union(*texts))
    rare = {run: math.log(len(written) / count) for run, count in seen.items()}
    never = math.log(len(written)) if written else 0.0
    scores = []
    for caption, texts, runs in zip(said, written, counted, strict=True):
        mine = _weighted(_runs(caption), rare, never)
        near = [
            _alike(mine, _weighted(run, rare, never)) * math.exp(-((len(caption) - len(text)) ** 2) / (2 * SIGMA**2))
            for text, run in zip(texts, runs, strict=True)
        ]
        scores.append(10 * _mean(near))
    return scores


def _weighted(
    runs: Mapping[tuple[str, ...], int], rare: Mapping[tuple[str, ...], float], never: float
) -> list[dict[tuple[str, ...], float]]:
    """Runs by their length, each by how often it comes and how rare it is."""
    found: list[dict[tuple[str, ...], float]] = [{} for _ in range(LONGEST)]
    for run, count in runs.items():
        found[len(run) - 1][run] = count * rare.get(run, never)
    return found


def _alike(one: list[dict[tuple[str, ...], float]], other: list[dict[tuple[str, ...], float]]) -> float:
    """Mean over lengths of the cosine of clipped weights."""
    total = 0.0
    for mine, theirs in zip(one, other, strict=True):
        norms = math.hypot(*mine.values()) * math.hypot(*theirs.values())
        product = sum(min(weight, theirs.get(run, 0.0)) * theirs.get(run, 0.0) for run, weight in mine.items())
        total += product / norms if norms else product
    return total / LONGEST
