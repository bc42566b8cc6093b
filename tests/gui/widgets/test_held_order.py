from dataclasses import replace

import numpy as np
import pytest

from cnnstudio.gui.widgets.held_order import HeldOrder
from cnnstudio.gui.widgets.map_scale import Look, plain_look


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time, which the test sets."""
    now = [100.0]
    monkeypatch.setattr("cnnstudio.gui.widgets.held_order.time.monotonic", lambda: now[0])
    return now


def looks(*orders: tuple[int, ...]) -> list[Look]:
    return [replace(plain_look(len(each), "inferno"), order=np.array(each)) for each in orders]


def held(order: HeldOrder, *orders: tuple[int, ...], busy: bool = False) -> list[list[int]]:
    return [look.order.tolist() for look in order.hold(looks(*orders), busy=busy)]


def test_an_order_stays_for_three_seconds(clock: list[float]) -> None:
    order = HeldOrder()
    assert held(order, (0, 1, 2), (1, 0)) == [[0, 1, 2], [1, 0]]
    clock[0] += 2.9
    assert held(order, (2, 1, 0), (0, 1)) == [[0, 1, 2], [1, 0]]
    clock[0] += 0.2
    assert held(order, (2, 1, 0), (0, 1)) == [[2, 1, 0], [0, 1]]
    clock[0] += 2.9  # counted from then
    assert held(order, (0, 1, 2), (1, 0)) == [[2, 1, 0], [0, 1]]


def test_it_stays_while_somebody_looks(clock: list[float]) -> None:
    order = HeldOrder()
    assert held(order, (1, 0), busy=True) == [[1, 0]]
    clock[0] += 60
    assert held(order, (0, 1), busy=True) == [[1, 0]]
    assert held(order, (0, 1)) == [[0, 1]]


def test_other_maps_have_an_order_of_their_own(clock: list[float]) -> None:
    order = HeldOrder()
    assert held(order, (1, 0)) == [[1, 0]]
    order.forget()
    assert held(order, (0, 2, 1), busy=True) == [[0, 2, 1]]
    assert held(order, (1, 0), (0, 1)) == [[1, 0], [0, 1]]  # more rows
