from pathlib import Path

from PIL import Image
from pytestqt.qtbot import QtBot

from cnnstudio.gui.session import Session
from tests.gui.sessions import WAIT


def test_a_question_without_a_model_is_answered_with_what_to_do(qtbot: QtBot, session: Session) -> None:
    with qtbot.waitSignal(session.questions.not_predicted) as told:
        session.questions.predict(None, None, Path("/images/a.png"))
    assert told.args == ["There is no trained model yet: train one, or open an earlier run."]


def test_a_question_that_cannot_be_answered_says_why(
    qtbot: QtBot, session: Session, untried_run: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with qtbot.waitSignal(session.questions.not_predicted, timeout=WAIT) as told:
        session.questions.predict(untried_run, None, tmp_path / "a.png")
    assert told.args is not None
    assert told.args[0].startswith("The weights do not load: ")
    assert told.args[0].endswith("Restore the file or train again.")
