"""What goes wrong in a run while it learns: plain rules with named thresholds, over what the run has reported.

A rule sees everything that was reported so far and nothing else, so the same reports always give the same findings. It
speaks only after its sign has been there several times in a row, and stays until it has been gone as often, so that
findings do not flicker.
"""

from typing import Final, get_args

from cnnstudio.runtime.diagnosis import Case, Diagnosis, Kind, Record
from cnnstudio.runtime.doctor_layers import LAYER_RULES
from cnnstudio.runtime.doctor_rules import CURVE_RULES

_FROM_AFAR: Final = {"lr_high", "lr_low", "collapse", "vanishing", "dead"}  # what a plateau may come from


def diagnose(record: Record) -> tuple[Diagnosis, ...]:
    """Return what goes wrong in a run, at most one finding of a kind, the gravest first."""
    if record.started is None:
        return ()
    case = Case(record, record.started)
    found = {each.kind: each for rule in (*CURVE_RULES, *LAYER_RULES) for each in rule(case)}
    if "lr_low" in found:
        found.pop("collapse", None)  # it has not yet come so far as to tell classes apart
    if found.keys() & _FROM_AFAR:
        found.pop("plateau", None)
    kinds: tuple[Kind, ...] = get_args(Kind)
    return tuple(found[kind] for kind in kinds if kind in found)
