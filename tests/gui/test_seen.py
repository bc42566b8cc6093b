from cnnstudio.core.config import Config
from cnnstudio.gui.seen import Seen


def test_what_was_seen_is_not_new() -> None:
    seen, config = Seen(), Config()
    assert seen.anew(config, "running", None, 3)
    assert not seen.anew(config, "".join(("run", "ning")), None, 3)
    assert seen.anew(config, "paused", None, 3)
    assert seen.anew(config.replace("train.epochs", 3), "paused", None, 3)
    assert seen.anew(config, "paused", None, 3)
    assert not seen.anew(config, "paused", None, 3)
    assert seen.anew(config, "paused", None, True)
