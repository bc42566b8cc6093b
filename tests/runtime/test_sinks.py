import io

import pytest

from cnnstudio.core.config import Config
from cnnstudio.core.events import Changed, EpochEnded, Phase, RunEnded, RunStarted, SetAside, StepEnded, Warned
from cnnstudio.core.serial import from_line
from cnnstudio.runtime.sinks import JsonSink, terminal_sink
from tests.pictures import feature_maps

STORY = (
    Phase(text="Reading 48 images", done=0.5),
    RunStarted(
        run="/runs/1",
        config=Config(),
        device="CPU · fp32",
        precision="float32",
        classes=("ant", "[bee]"),
        train_images=38,
        val_images=10,
        set_aside=(SetAside(path="/images/ant/bomb.png", reason="169 million pixels"),),
        steps_per_epoch=5,
        parameters=1234,
        trainable=1234,
        weights="random initial weights",
    ),
    StepEnded(step=1, epoch=0.2, loss=1.5, accuracy=0.5, lr=0.1, images_per_second=123.0),
    EpochEnded(
        epoch=1,
        train_loss=1.0,
        train_accuracy=0.5,
        val_loss=0.9,
        val_accuracy=0.75,
        images_per_second=100.0,
        seconds=1.0,
        best=True,
    ),
    Changed(step=7, epoch=1.4, key="train.lr", old=0.1, new=0.05, label="lr × 0.5", text="the rate is halved"),
    Warned(text="the preview image cannot be shown", path="x.png"),
    RunEnded(reason="finished", best_val_accuracy=0.75, best_epoch=1, seconds=2.0, run="/runs/1"),
)


def test_json_is_one_object_a_line_without_pictures() -> None:
    stream = io.StringIO()
    sink = JsonSink(stream)
    for event in STORY:
        sink(event)
    sink(feature_maps())

    assert tuple(from_line(line) for line in stream.getvalue().splitlines()) == STORY


def test_a_person_reads_the_essentials_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal_sink() as sink:
        for event in STORY:
            sink(event)
    out, err = capsys.readouterr()

    assert out == ""
    assert "ant, [bee]" in err
    assert "set aside: /images/ant/bomb.png: 169 million pixels" in err
    assert "val accuracy  75.0%  best so far" in err
    assert "From step 7 on: the rate is halved" in err
    assert "Note: the preview image cannot be shown x.png" in err
    assert "Finished. Best validation accuracy 75.0%, epoch 1." in err
    assert "The model is in /runs/1" in err
