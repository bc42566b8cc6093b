"""From the session's state to the words of bars and badges."""

from pathlib import Path

from cnnstudio.gui.panels.rail import Badge
from cnnstudio.gui.panels.top_bar import RunState
from cnnstudio.gui.state import RunView, SessionState, Work
from cnnstudio.gui.widgets.device_chip import DeviceState
from cnnstudio.gui.words import duration, percent, tuning


def top_bar_state(state: SessionState) -> RunState:
    """Return what the Start button is about."""
    match state.run.status:
        case "running" | "paused" | "stopping" | "following" as active:
            return active
        case "pausing":
            return "paused"
        case "none" | "ended":
            return "idle"


def subtitle(state: SessionState) -> str:
    """Return what is open: `garden-birds · resnet18 · garden-birds-resnet18-7`."""
    parts = [Path(state.config.data.folder).name, state.config.model.arch] if state.survey else []
    if state.run.active and state.run.started is not None:
        parts = [Path(state.run.started.config.data.folder).name, Path(state.run.started.run).name]
    return " · ".join(parts)


def device(state: SessionState) -> tuple[str, DeviceState, str]:
    """Return what the device chip says, how good that is, and why: what really computes, not what was asked for."""
    started = state.run.started
    if state.run.active and started is not None and started.device != state.device:
        then = f"the next one uses {state.device}" if state.device else "the next one cannot start"
        why = f"This run uses {started.device}; {then}. {state.device_reason}"
        return started.device, "good", _in_lines(why, _arithmetic(state))
    if state.device:
        return state.device, "good", _in_lines(state.device_reason, _arithmetic(state))
    if state.device_reason:
        return "No such device", "warn", state.device_reason
    return "Looking for devices…", "unknown", "PyTorch is still loading."


def badges(state: SessionState) -> dict[str, Badge]:
    """Return the badge of each page."""
    data: Badge = "ready" if state.survey else "attention"
    return {
        "data": "busy" if state.surveying else data,
        "model": "attention" if state.model_problem else _model_badge(state),
        "train": "busy" if state.run.active else ("ready" if state.run.epochs else "none"),
        "test": "ready" if state.model_folder else "none",
    }


def present_work(state: SessionState) -> Work:
    """Return what happens now, in words, from the first second on."""
    run = state.run
    after = " after this batch …" if run.step else " …"
    if run.status == "stopping":
        return Work("Stopping" + after)
    if run.status == "pausing":
        return Work("Pausing" + after)
    if run.status == "paused":
        return Work("Paused. Space goes on")
    if run.status == "following" and run.work is not None:
        return _following(run, run.work.text)
    if run.active and run.work is not None:
        done = run.work.done
        if run.step is not None and run.started is not None and run.work.text.startswith("Training"):
            done = run.step.epoch / run.planned
        return Work(run.work.text, done)
    return state.surveying or _download(state) or Work(_rest(state))


def _following(run: RunView, text: str) -> Work:
    if run.step is None or run.started is None:
        return Work(f"{text} …")
    epochs = run.planned
    now = min(epochs, int(run.step.epoch) + 1)
    return Work(f"{text}, epoch {now} of {epochs}", run.step.epoch / epochs)


def figures(state: SessionState) -> tuple[str, ...]:
    """Return the figures on the right of the status bar."""
    run = state.run
    if not run.active or run.step is None:
        return ()
    speed = f"{run.step.images_per_second:,.0f} images/s"
    left = run.seconds_left
    return (speed,) if left is None else (speed, f"{duration(left)} left")


def _arithmetic(state: SessionState) -> str:
    """Return how the arithmetic was chosen: that of the run under way, or else of the next one."""
    started = state.run.started
    if state.run.active and started is not None:
        return tuning(started.tuning, started.tuned, started.deterministic_cost)
    return state.arithmetic


def _in_lines(*parts: str) -> str:
    return "\n".join(filter(None, parts))


def _download(state: SessionState) -> Work | None:
    coming = state.weights.download
    if coming is None:
        return None
    return Work(f"Downloading {coming.source.title}, {coming.figures()}", coming.done / coming.total)


def _model_badge(state: SessionState) -> Badge:
    return "busy" if state.weights.download else "ready" if state.summary else "none"


def _rest(state: SessionState) -> str:
    ended = state.run.ended
    if ended is None:
        ready = "Ready" if state.survey else "Drop a folder of images, or take a sample"
        return ready if state.torch_ready else "Loading PyTorch"
    verb = {"finished": "Finished", "stopped": "Stopped", "failed": "Failed"}[ended.reason]
    if ended.best_val_accuracy is None:
        return f"{verb} before the first epoch ended" if ended.reason == "stopped" else verb
    return f"{verb} after {duration(ended.seconds)}: {percent(ended.best_val_accuracy)} at epoch {ended.best_epoch}"
