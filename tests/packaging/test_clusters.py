"""The templates for clusters: they parse, and what they start is a command of this program."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from cnnstudio.cli import training
from cnnstudio.cli.parser import make_parser
from cnnstudio.core.config import load_config

PACKAGING = Path(__file__).resolve().parents[2] / "packaging"
SBATCH, SKYPILOT = PACKAGING / "slurm" / "train.sbatch", PACKAGING / "skypilot" / "train.yaml"


def keys_of(text: str) -> list[str]:
    """Return the keys at the left margin of a YAML file, and fail where a line is none and belongs to none."""
    found: list[str] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith(("#", " ")):
            assert "\t" not in line
            continue
        key = re.fullmatch(r"([a-z_]+):( .*)?", line)
        assert key is not None, line
        found.append(key[1])
    return found


def script(path: Path) -> str:
    """Return what the template runs."""
    text = path.read_text()
    if path.suffix == ".sbatch":
        return text
    return text.partition("\nrun: |\n")[2]


def words_of(path: Path) -> list[str]:
    """Return the words of the line that starts torchrun, as the shell would hand them over."""
    joined = re.sub(r"\$\([^)]*\)", "HOST", script(path).replace("\\\n", " "))
    (line,) = [line for line in joined.splitlines() if "torchrun --" in line]
    return shlex.split(line[line.index("torchrun") :])[1:]


@pytest.mark.parametrize("path", [SBATCH, SKYPILOT])
def test_the_script_is_one_that_bash_understands(path: Path) -> None:
    subprocess.run(["bash", "-n"], input=script(path), text=True, check=True)


@pytest.mark.parametrize("path", [SBATCH, SKYPILOT])
def test_what_it_starts_is_a_command_of_ours(path: Path) -> None:
    from torch.distributed.run import get_args_parser

    launch = get_args_parser().parse_args(words_of(path))
    assert (launch.training_script, launch.module, launch.max_restarts) == ("cnnstudio", True, 3)
    assert launch.rdzv_endpoint.endswith(":29500")
    assert launch.rdzv_id.startswith("$S")  # the job's, the same when it is put into the queue again
    options = make_parser().parse_args(launch.training_script_args)
    assert options.run is training.train
    assert load_config(None, options.overrides).model.arch == "resnet50"


def test_skypilots_file_has_the_fields_that_it_reads() -> None:
    keys = keys_of(SKYPILOT.read_text())
    assert keys == ["name", "num_nodes", "resources", "workdir", "file_mounts", "setup", "run"]


def test_slurm_asks_for_what_torchrun_is_told() -> None:
    wishes = dict(re.findall(r"^#SBATCH --([a-z-]+)=?(\S*)", SBATCH.read_text(), re.MULTILINE))
    assert wishes["ntasks-per-node"] == "1"  # torchrun starts the processes
    assert "requeue" in wishes
