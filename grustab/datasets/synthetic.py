"""Made-up data that needs no file and no network: for the demo and the tests."""

import numpy as np

from grustab.datasets.types import Corpus, Tunes


def synthetic_corpus(n_tokens: int = 60_000) -> Corpus:
    """A text from a small random language: topics, Zipf's law and favourite successors.

    It has 50 words, ``<eos>`` (number 0) included, and four topics. Each sentence keeps to a
    topic, which is drawn anew with probability 1/4; a word is, with probability 1/2, one of four
    successors of the word before it, else drawn from the topic. So there is something to learn at
    the scale of one word and of tens of words.

    Args:
        n_tokens: Length of the training text; validation and test have a tenth each.

    Returns:
        The same corpus at each call.
    """
    rng, n_words, n_topics = np.random.default_rng(0), 50, 4
    zipf = 1 / np.arange(1, n_words)
    topics = np.stack([rng.permutation(zipf) for _ in range(n_topics)])
    topics /= topics.sum(axis=1, keepdims=True)
    successors = np.stack([rng.permutation(n_words - 1)[:4] for _ in range(n_words - 1)])

    def text(length: int) -> np.ndarray:
        words: list[int] = []
        topic = 0
        while len(words) < length:
            if rng.random() < 0.25:
                topic = int(rng.integers(n_topics))
            n = int(rng.integers(4, 20))
            drawn = rng.choice(n_words - 1, size=n, p=topics[topic])
            follows = rng.random(n) < 0.5
            choice = rng.integers(4, size=n)
            for i in range(1, n):
                if follows[i]:
                    drawn[i] = successors[drawn[i - 1], choice[i]]
            words.extend(drawn + 1)
            words.append(0)
        return np.array(words[:length], dtype=np.int32)

    parts = (text(n_tokens), text(n_tokens // 10), text(n_tokens // 10))
    return Corpus(*parts, ["<eos>"] + [f"w{i}" for i in range(1, n_words)])


def synthetic_tunes(n_tunes: int = 40) -> Tunes:
    """Simple tunes: a melody over held triads in a random key, with the form A A B A.

    Args:
        n_tunes: Number of training tunes; validation and test have a quarter each, at least one.

    Returns:
        Tunes of 64 to 128 steps with 88 notes, the same at each call.
    """
    rng = np.random.default_rng(0)
    scale = np.array([0, 2, 4, 5, 7, 9, 11])

    def part(length: int, key: int) -> np.ndarray:
        roll = np.zeros((length, 88), dtype=np.uint8)
        degree = 7
        for step in range(0, length, 4):
            root = int(rng.choice([0, 3, 4, 5]))
            triad = [scale[(root + i) % 7] for i in (0, 2, 4)]
            roll[step : step + 4, [key + note for note in triad]] = 1
            for beat in (step, step + 2):
                degree = int(np.clip(degree + rng.integers(-2, 3), 0, 13))
                note = key + 12 + 12 * (degree // 7) + scale[degree % 7]
                roll[beat : beat + 2, note] = 1
        return roll

    def tunes(number: int) -> list[np.ndarray]:
        made = []
        for _ in range(number):
            length, key = 4 * int(rng.integers(4, 9)), int(rng.integers(24, 36))
            a, b = part(length, key), part(length, key)
            made.append(np.concatenate((a, a, b, a)))
        return made

    few = max(n_tunes // 4, 1)
    return Tunes(tunes(n_tunes), tunes(few), tunes(few))
