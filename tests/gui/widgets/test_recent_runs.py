from datetime import datetime, timedelta, timezone

import pytest

from cnnstudio.gui.widgets.recent_runs import arch_title, moment

ZONE = timezone(timedelta(hours=-5))
NOW = datetime(2026, 3, 1, 0, 30, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("then", "words"),
    [
        (NOW - timedelta(minutes=20), "today, 00:10"),
        (NOW - timedelta(minutes=40), "yesterday, 23:50"),
        (NOW - timedelta(days=2), "27 February"),
        (NOW - timedelta(days=90), "1 December 2025"),
    ],
)
def test_a_moment_in_few_words(then: datetime, words: str) -> None:
    assert moment(then.timestamp(), NOW) == words


def test_an_architecture_of_another_version_keeps_its_key() -> None:
    assert (arch_title("resnet18"), arch_title("resnet1999")) == ("ResNet-18", "resnet1999")
