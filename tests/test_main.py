"""What the program asks of the libraries below it before they load."""

import json
import os
import subprocess
import sys

import pytest

ASKED = {"OMP_WAIT_POLICY": "PASSIVE", "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "512"}
TELL = "import json, os, sys, cnnstudio.__main__; print(json.dumps([dict(os.environ), 'torch' in sys.modules]))"


@pytest.mark.parametrize("wish", [{}, {"OMP_WAIT_POLICY": "ACTIVE"}, {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64"}])
def test_libraries_are_asked_in_time_and_users_have_the_last_word(wish: dict[str, str]) -> None:
    given = {name: value for name, value in os.environ.items() if name not in ASKED} | wish
    answer = subprocess.run([sys.executable, "-c", TELL], env=given, check=True, capture_output=True, text=True)
    found, torch_is_there = json.loads(answer.stdout)
    assert {name: found[name] for name in ASKED} == ASKED | wish
    assert not torch_is_there
