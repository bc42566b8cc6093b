import os
import sys
import threading

import pytest

from cnnstudio.core.priority import give_way


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows a niceness of single threads")
def test_a_thread_gives_way_with_those_that_it_begins_and_no_other() -> None:
    found: dict[str, int] = {}

    def note(name: str) -> None:
        found[name] = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def work() -> None:
        give_way(7)
        note("itself")
        inner = threading.Thread(target=note, args=("begun",))
        inner.start()
        inner.join()

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    note("other")
    assert found == {"itself": min(19, before + 7), "begun": min(19, before + 7), "other": before}
