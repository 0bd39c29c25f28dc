"""Drawing a month's sample: the same for everybody who has the trail, and by weight."""

from hashlib import sha256

from trunks import sampling
from trunks.sampling import GROUNDS, Candidate


def test_the_sample_is_drawn_as_its_description_says() -> None:
    """Written anew from the words of the module, as an auditor would."""

    def digest(text: str) -> str:
        return sha256(text.encode()).hexdigest()

    weights = {f"TR-{number:06d}": number % 4 + 1 for number in range(1, 60)}
    seed = digest("portal-review-1|2026-10|" + "ab" * 32)
    lots = {key: min(digest(f"{seed}|{key}|{i}") for i in range(1, n + 1)) for key, n in weights.items()}
    assert sampling.seed_of("2026-10", "ab" * 32) == seed
    assert sampling.draw(seed, weights) == sorted(weights, key=lambda key: lots[key])[:15]


def test_the_order_in_which_candidates_come_changes_nothing() -> None:
    weights = {f"event-{number}": number % 3 + 1 for number in range(100)}
    backwards = dict(reversed(weights.items()))
    assert sampling.draw("seed", weights) == sampling.draw("seed", backwards)


def test_another_head_draws_others() -> None:
    weights = {f"event-{number}": 1 for number in range(100)}
    first, second = (sampling.seed_of("2026-10", head) for head in ("aa", "bb"))
    assert set(sampling.draw(first, weights)) != set(sampling.draw(second, weights))


def test_of_few_all_are_drawn() -> None:
    assert sorted(sampling.draw("seed", {"a": 1, "b": 5})) == ["a", "b"]


def test_a_candidate_of_weight_eight_comes_first_eight_times_as_often() -> None:
    """Of 2000 draws of one out of two, the heavy one has an expectation of 1778 and a deviation of 14."""
    heavy = sum(sampling.draw(f"seed {n}", {"light": 1, "heavy": 8}, 1) == ["heavy"] for n in range(2000))
    assert 1700 < heavy < 1850


def test_the_weights_of_all_grounds_are_added() -> None:
    assert Candidate("TR-000001", ("ended", "change", "own"), 1).weight == 12
    assert all(ground.weight >= 1 and ground.words for ground in GROUNDS.values())
