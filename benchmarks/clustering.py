"""Clusters of a million objects from 800,000 links, with constraints: seconds of the processor and memory.

Half of the objects have another one that is the same; one link in twenty is wrong. Instances, birthdates, decisions of
people and perceptual hashes keep clusters apart.
"""

import time
from pathlib import Path

import numpy as np
from machine import write

from stash_pipeline.matching.clustering import Links, OneEach, OneValue, cluster
from stash_pipeline.matching.phash import resemblance
from stash_pipeline.matching.rules import LinkRule

NODES, LINKS, DECISIONS, SEED, TURNS = 1_000_000, 800_000, 5_000, 1, 3
RULES = [LinkRule("oshash", identity=True), LinkRule("phash", complete=True), LinkRule("stash_id")]


def resident(what: str) -> int:
    """Bytes of this process: VmRSS or VmHWM, the peak."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(what))


def union_find(left: list[int], right: list[int]) -> None:
    """The same links without strength, constraints or reasons."""
    parent = list(range(NODES))
    for one, other in zip(left, right, strict=True):
        while parent[one] != one:
            parent[one] = one = parent[parent[one]]
        while parent[other] != other:
            parent[other] = other = parent[parent[other]]
        parent[max(one, other)] = min(one, other)


def main() -> None:
    random = np.random.default_rng(SEED)
    truth = random.integers(0, NODES // 2, NODES)
    order = np.argsort(truth, kind="stable")
    same = truth[order[1:]] == truth[order[:-1]]
    pairs = np.column_stack((order[:-1], order[1:]))[same]
    chosen = random.integers(0, len(pairs), LINKS)
    left, right = pairs[chosen].T.copy()
    wrong = random.random(LINKS) < 0.05
    right[wrong] = random.integers(0, NODES, int(wrong.sum()))
    rule = random.integers(0, len(RULES), LINKS)
    links = Links(left, right, np.array([1.0, 0.99, 0.995])[rule] - random.random(LINKS) * 1e-3, rule)
    # what is the same lies on different instances, but for one object in twenty
    place = np.empty(NODES, np.int64)
    place[order] = np.arange(NODES) % 4
    elsewhere = random.random(NODES) < 0.05
    place[elsewhere] = random.integers(0, 4, int(elsewhere.sum()))
    instances = OneEach("instance", place)
    birthdates = OneValue("birthdate", np.where(random.random(NODES) < 0.5, truth, -1))
    hashes = [((int(number) * 0x9E3779B97F4A7C15 % 2**64, 1000),) for number in truth]
    decided = [(int(one), int(other)) for one, other in pairs[:DECISIONS]]
    before = resident("VmRSS")
    seconds, bare, peak = [], [], 0
    for _ in range(TURNS):
        start = time.process_time()
        found = cluster(
            NODES, links, RULES, different=decided, exclusions=[instances, birthdates],
            within=resemblance(hashes, 8, 1000),
        )  # fmt: skip
        seconds.append(round(time.process_time() - start, 2))
        peak = peak or resident("VmHWM")
        start = time.process_time()
        union_find(left.tolist(), right.tolist())
        bare.append(round(time.process_time() - start, 2))
    write(
        "clustering",
        {
            "seconds, in turn (asked: 5)": seconds,
            "seconds of a bare union-find, in turn": bare,
            "MB (asked: 500)": round((peak - before) / 1e6),
            "clusters": len(np.unique(found.labels)),
            "refused": len(found.refusals),
        },
    )


if __name__ == "__main__":
    main()
