import time

from core.search import Confirmed, Goal, Opened, Progress, confirmed, parts, whole
from tests.core.search.test_search import noise


def load():
    return parts(*noise())


def test_it_opens_searches_and_confirms():
    events = list(whole(load, Goal(drop=5.0, seconds=1.5), lambda: False))
    assert [type(event) for event in (*events[:2], *events[-2:])] == [Progress, Opened, Progress, Confirmed]
    points = [event.point for event in events if isinstance(event, Progress) and event.point]
    expected = confirmed(events[1].others, points, Goal(drop=5.0, seconds=1.5))
    assert [point.recipe for point in events[-1].points] == [point.recipe for point in expected]
    assert [point.accuracy for point in events[-1].points] == [point.accuracy for point in expected]


def test_when_it_is_enough_what_was_found_is_confirmed():
    events = []
    for event in whole(load, Goal(drop=5.0, seconds=600), lambda: len(events) > 20):
        events.append(event)
    assert len(events) < 40
    assert events[-1].points


def test_the_time_that_a_step_is_held_does_not_count():
    shares = []
    for event in whole(load, Goal(drop=5.0, seconds=30), lambda: len(shares) > 3):
        if isinstance(event, Progress):
            shares.append(event.share)
            time.sleep(0.4 if len(shares) in (3, 4) else 0)
    assert shares[3] - shares[2] < 0.4 / 30  # of the goal's seconds: what the pause alone would have taken
