import threading
from collections import deque

from cnnstudio.core.events import Event, Phase, StepEnded
from cnnstudio.core.pictures import FeatureMaps
from cnnstudio.runtime.mailbox import Mailbox
from tests.pictures import feature_maps


def step(number: int) -> StepEnded:
    return StepEnded(step=number, epoch=0.0, loss=1.0, accuracy=0.5, lr=0.1, images_per_second=10.0)


def maps(number: int) -> FeatureMaps:
    return feature_maps(step=number)


def test_scalars_are_never_lost_and_of_pictures_the_latest_wins() -> None:
    mailbox = Mailbox()
    for number in range(1000):
        mailbox.put(step(number))
        mailbox.put(maps(number))
        mailbox.put(Phase(text=f"phase {number}"))
    events = mailbox.drain()

    assert [event.step for event in events if isinstance(event, StepEnded)] == list(range(1000))
    assert [event.step for event in events if isinstance(event, FeatureMaps)] == [999]
    assert [event.text for event in events if isinstance(event, Phase)] == ["phase 999"]
    assert mailbox.drain() == []


def test_nothing_is_lost_while_both_sides_work() -> None:
    mailbox = Mailbox()
    taken: list[Event] = []
    threads = [threading.Thread(target=lambda: deque(map(mailbox.put, map(step, range(5000))))) for _ in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        taken.extend(mailbox.drain())
    taken.extend(mailbox.drain())

    assert len(taken) == 15000
