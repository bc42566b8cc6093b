import pytest
from pytestqt.qtbot import QtBot

from cnnstudio.core.config import Config
from cnnstudio.gui import background
from cnnstudio.gui.run_network import with_learning
from cnnstudio.gui.session import Session
from tests.gui.events import changed, started, step, summary
from tests.gui.sessions import WAIT, begin, feed, load_torch, notice


@pytest.fixture
def described(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, int]]:
    """Return Dropout2d and classes of what is described, as that is asked for."""
    asked: list[tuple[float, int]] = []
    describe = background.layers_of

    def layers_of(config: Config, classes: int) -> object:
        asked.append((config.model.dropout2d, classes))
        return describe(config, classes)

    monkeypatch.setattr(background, "layers_of", layers_of)
    return asked


def summary_of(session: Session) -> object:
    return session.state.run_summary


def test_layers_are_described_anew_only_where_they_change(
    qtbot: QtBot, session: Session, described: list[tuple[float, int]]
) -> None:
    load_torch(qtbot, session)
    assert summary_of(session) is None
    begin(session)
    feed(session, started())
    qtbot.waitUntil(lambda: session.state.run_summary is not None, timeout=WAIT)
    first = session.state.run_summary
    assert first is not None
    assert first.rows[-1].output_shape == (2,)
    feed(session, step(1.0), changed(1.0, "train.lr", 0.1, 0.05, "lr × 0.5"))
    assert session.state.run_summary is first
    p = started().config.model.dropout2d
    feed(session, changed(1.0, "model.dropout2d", p, p + 0.125, "dropout"))
    qtbot.waitUntil(lambda: session.state.run_summary is not first, timeout=WAIT)
    assert described == [(p, 2), (p + 0.125, 2)]
    begin(session)
    assert summary_of(session) is None


def test_what_is_told_before_torch_is_there_is_described_later(qtbot: QtBot, session: Session) -> None:
    begin(session)
    feed(session, started())
    assert session.state.run_summary is None
    load_torch(qtbot, session)
    qtbot.waitUntil(lambda: session.state.run_summary is not None, timeout=WAIT)


def test_a_network_that_is_unknown_here_is_said(qtbot: QtBot, session: Session) -> None:
    load_torch(qtbot, session)
    begin(session)
    told = started()
    config = told.config.replace("model.arch", "resnet18").replace("transfer.mode", "freeze")
    config = config.replace("transfer.train_last", 900)
    feed(session, told.model_copy(update={"config": config}))
    qtbot.waitUntil(lambda: bool(notice(session)[1]))
    assert notice(session)[0] == "warn"
    assert "900 stages cannot learn" in notice(session)[1]
    assert session.state.run_summary is None


def test_the_last_stages_learn() -> None:
    layers = summary()  # four stages of seven layers and a head of one, 72 parameters each
    two = with_learning(layers, 2)
    assert [stage.frozen for stage in two.stages] == [True, True, True, False, False]
    assert {row.stage for row in two.rows if not row.frozen} == {"stage4", "head"}
    assert two.trainable == 8 * 72
    assert with_learning(two, None) == layers
    assert not any(stage.frozen for stage in with_learning(layers, 5).stages)
