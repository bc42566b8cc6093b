import io
import json
from typing import Any

import pytest

from tests.bench.gate import Gate

pytestmark = pytest.mark.nightly  # they watch processes, whose turn comes late on a busy machine


def gate(*blocks: int, warm_up: int = 0) -> tuple[Gate, io.StringIO]:
    answers = io.StringIO()
    orders = io.StringIO("".join(json.dumps({"images": images}) + "\n" for images in blocks))
    return Gate(orders, answers, warm_up=warm_up, settled=lambda: None), answers


def told(answers: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answers.getvalue().splitlines()]


def train(gate: Gate, steps: int) -> int:
    """Take steps of 4 images until the orders are used up; return how many were taken."""
    for number in range(steps):
        try:
            gate.step(4)
        except SystemExit:
            return number
    return steps


def test_a_block_has_the_images_that_were_asked_for_and_the_first_report_settles() -> None:
    made, answers = gate(8, warm_up=2)
    # Two steps of warm-up, one that says ready, one that settles, two of the block; then nobody gives an order.
    assert train(made, 20) == 5
    assert [(each["event"], each.get("images")) for each in told(answers)] == [("ready", None), ("block", 8)]
    assert told(answers)[1]["seconds"] >= 0


def test_blocks_follow_each_other() -> None:
    made, answers = gate(4, 12)
    train(made, 20)
    assert [each["images"] for each in told(answers) if each["event"] == "block"] == [4, 12]


def test_a_block_that_the_end_of_an_epoch_cuts_off_is_begun_anew() -> None:
    made, answers = gate(8)
    for _ in range(3):  # ready, settling, half of the block
        made.step(4)
    made.epoch(val_accuracy=0.5)
    assert train(made, 20) == 2  # settling again, then 4 images, then the 8th ends the block
    assert told(answers)[-1]["images"] == 8


def test_an_epoch_that_is_too_short_for_a_block_is_an_error() -> None:
    made, _ = gate(100)
    train(made, 1)

    def epochs() -> None:
        for _ in range(10):
            made.step(4)
            made.epoch()

    with pytest.raises(RuntimeError, match="too few images for a block of 100"):
        epochs()


def test_a_block_stands_for_ten_epochs_the_first_of_which_took_longer() -> None:
    made, answers = gate(8)
    made.first_epoch(images=100, seconds=2000.0)  # 20 s an image
    train(made, 20)
    assert 16.0 <= told(answers)[-1]["seconds"] < 16.5  # a tenth of 8 images at that pace; the others took no time
    assert 0 <= told(answers)[-1]["cpu"] < 1  # of this process, which has hardly worked since the gate was made
