"""Workers that die, hang, or cannot start."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import pytest

from exfilter.bulk.tasks import Lost
from exfilter.cli.workers import ENOUGH, TOGETHER, Crew
from exfilter.model import Reason


def double(task: int) -> int:
    time.sleep(0.02 if task % 3 == 0 else 0)
    return 2 * task


def die_over_seven(task: int) -> int:
    if task % 10 == 7:
        os._exit(9)
    return task


def hang_over_two(task: int) -> int:
    if task == 2:
        time.sleep(600)
    return task


def prepare_double() -> Callable[[int], int]:
    return double


def prepare_dying() -> Callable[[int], int]:
    return die_over_seven


def prepare_hanging() -> Callable[[int], int]:
    return hang_over_two


def pid(_: int) -> int:
    time.sleep(0.01)
    return os.getpid()


def prepare_pid() -> Callable[[int], int]:
    return pid


def refuse() -> Callable[[int], int]:
    message = "the index is gone: build it again"
    raise ValueError(message)


def test_answers_come_in_the_order_of_the_tasks() -> None:
    answers = Crew[int, int](prepare_double, 3, 60).answers(range(200))
    assert list(answers) == [(task, 2 * task) for task in range(200)]


def test_no_tasks_start_no_worker() -> None:
    assert list(Crew[int, int](refuse, 2, 60).answers([])) == []


def test_a_dead_worker_costs_the_one_task_it_had() -> None:
    answers = dict(Crew[int, int](prepare_dying, 2, 60).answers(range(20)))
    assert answers.pop(7) == answers.pop(17) == Lost(Reason.MALFORMED)
    assert answers == {task: task for task in range(20) if task not in (7, 17)}


def test_every_death_names_its_task_though_tasks_are_handed_over_together() -> None:
    answers = list(Crew[int, int](prepare_dying, 1, 60).answers(range(6, 2 * TOGETHER)))
    lost = [task for task, answer in answers if answer == Lost(Reason.MALFORMED)]
    assert lost == [7, 17, 27]
    assert [task for task, _ in answers] == list(range(6, 2 * TOGETHER))


def test_light_tasks_go_together_and_heavy_ones_alone() -> None:
    light = Crew[int, int](prepare_pid, 2, 60).answers(range(TOGETHER))
    assert len({answer for _, answer in light}) == 1
    heavy = Crew[int, int](prepare_pid, 2, 60, weight=lambda _: ENOUGH).answers(range(TOGETHER))
    assert len({answer for _, answer in heavy}) == 2


def test_a_worker_that_takes_too_long_is_ended() -> None:
    answers = list(Crew[int, int](prepare_hanging, 2, 1.0).answers(range(5)))
    assert answers == [(0, 0), (1, 1), (2, Lost(Reason.DEADLINE)), (3, 3), (4, 4)]


def test_workers_that_cannot_start_say_why() -> None:
    with pytest.raises(ValueError, match="build it again"):
        list(Crew[int, int](refuse, 2, 60).answers(range(5)))


def test_tasks_are_taken_only_a_little_ahead() -> None:
    taken = []

    def tasks() -> Iterator[int]:
        for task in range(10_000):
            taken.append(task)
            yield task

    answers = Crew[int, int](prepare_double, 2, 60).answers(tasks())
    assert next(answers) == (0, 0)
    answers.close()
    assert len(taken) <= 100


def test_no_more_is_under_way_than_there_is_room_for() -> None:
    taken: list[int] = []

    def tasks() -> Iterator[int]:
        for task in range(40):
            taken.append(task)
            yield task

    crew = Crew[int, int](prepare_double, 2, 60, lambda _: ENOUGH, room=3 * ENOUGH)
    for done, (task, _) in enumerate(crew.answers(tasks())):
        assert done == task
        assert len(taken) - done <= 3
    assert len(taken) == 40
