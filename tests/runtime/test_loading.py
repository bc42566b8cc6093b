import subprocess
import sys


def test_what_is_loaded_is_out_of_the_collectors_sight_and_what_comes_after_is_not() -> None:
    code = (
        "import gc\n"
        "from cnnstudio.runtime.loading import load_engine\n"
        "import sys\n"
        "assert 'torch' not in sys.modules\n"
        "load_engine()\n"
        "assert 'cnnstudio.engine.trainer' in sys.modules\n"
        "hidden = gc.get_freeze_count()\n"
        "mine = [[] for _ in range(1000)]\n"
        "load_engine()\n"
        "print(hidden > 100_000, gc.get_freeze_count() == hidden)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"], done.stderr
