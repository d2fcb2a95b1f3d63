"""Work of preprocessing in several processes: its order, and its errors.

That the files are those of one process is tested with each family's.
"""

import multiprocessing
import os

import pytest
from refusals import refused

from fairseq_xling.errors import UserError
from fairseq_xling.preprocessing.processes import AHEAD, map_in_order


def nothing():
    pass


def test_results_come_in_order_and_parts_are_not_read_far_ahead():
    read = []

    def parts():
        for part in range(40):
            read.append(part)
            yield part

    def work(part):
        return part, os.getpid()

    begun = multiprocessing.get_context("fork").Value("i")

    def begin():
        with begun:
            begun.value += 1

    processes = set()
    for number, (part, process) in enumerate(map_in_order(work, parts(), 2, begin)):
        processes.add(process)
        assert part == number and len(read) <= number + 2 * AHEAD + 2
    assert number == 39 and os.getpid() not in processes
    assert len(processes) <= begun.value <= 2


@pytest.mark.parametrize("processes, parts", [(1, 9), (2, 1)])
def test_little_is_done_in_this_process(processes, parts):
    found = map_in_order(lambda _: os.getpid(), range(parts), processes, nothing)
    assert list(found) == [os.getpid()] * parts


def test_what_is_refused_in_a_process_is_refused():
    def refuse(part):
        raise UserError(f"part {part}: is wrong")

    with refused("part 0: is wrong"):
        list(map_in_order(refuse, range(9), 2, nothing))
