from models.engine.windows import active_in, count_in, end_of, index_of, last_closed

DAY = 86_400_000


def test_a_moment_lies_before_the_end_of_its_window_and_not_before_its_start() -> None:
    for moment in (0, 1, 7 * DAY - 1, 7 * DAY, 1_700_000_000_000):
        index = index_of(moment, 7 * DAY)
        assert end_of(index - 1, 7 * DAY) <= moment < end_of(index, 7 * DAY)


def test_a_window_closes_when_the_lateness_has_passed_its_end() -> None:
    end = end_of(10, DAY)
    assert last_closed(end + 99, DAY, 100) == 9
    assert last_closed(end + 100, DAY, 100) == 10


def test_only_the_last_windows_are_kept() -> None:
    history: dict[int, int] = {}
    for index in (1, 2, 2, 5, 8):
        count_in(history, index, 4)
    assert history == {5: 1, 8: 1}


def test_only_windows_of_the_last_span_count() -> None:
    assert active_in({10: 2, 12: 2, 14: 1}, 14, 6) == 3
    assert active_in({10: 2, 12: 2, 14: 1}, 16, 6) == 2
    assert active_in({10: 2, 12: 2, 14: 1}, 12, 6) == 2
