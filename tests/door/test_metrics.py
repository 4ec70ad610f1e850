"""Figures count decisions, and carry nothing of a customer."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from exfilter.door import metrics
from exfilter.door.tasks import Outcome
from exfilter.model import Transfer

SAMPLE = re.compile(r"^(exfilter_\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)


def samples() -> dict[str, float]:
    found = SAMPLE.findall(metrics.text().decode())
    return {f"{name}{{{labels}}}": float(value) for name, labels, value in found if "_created" not in name}


def difference(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    return {name: value - before.get(name, 0) for name, value in after.items() if value != before.get(name)}


def test_a_decision_is_counted_by_carrier_action_and_rule() -> None:
    before = samples()
    passed = Outcome(forward=True, action="allow", rule="default")
    kept = Outcome(forward=False, action="quarantine", rule="fail-closed", failed=True, sealing=0.1)
    metrics.count(Transfer("proxy", b"", method="CONNECT"), 0, passed, 0.2)
    metrics.count(Transfer("proxy", b"", method="POST"), 10, kept, 0.2)
    found = difference(before, samples())
    assert found['exfilter_transfers_total{door="proxy",kind="connect"}'] == 1
    assert found['exfilter_transfers_total{door="proxy",kind="http"}'] == 1
    assert found['exfilter_verdicts_total{action="quarantine",failed="true",rule="fail-closed"}'] == 1
    assert found['exfilter_held_total{door="proxy"}'] == 1
    assert found['exfilter_seconds_count{stage="scan"}'] == 2
    assert found['exfilter_seconds_count{stage="hold"}'] == 1
    assert found['exfilter_bytes_total{door="proxy"}'] == 10


@given(st.text(min_size=4).map(lambda text: f"secret-{text}"))
def test_no_label_comes_from_a_transfer(text: str) -> None:
    transfer = Transfer(
        "proxy",
        text.encode("utf-8", "replace"),
        name=text,
        actor=text,
        destination=text,
        method=text,
        url=text,
        headers=((text, text),),
    )
    metrics.count(transfer, 5, Outcome(forward=False, action="block", rule="rule"), 0.1)
    metrics.refused(metrics.Refusal.METHOD)
    assert b"secret" not in metrics.text()


def test_gauges_show_the_present() -> None:
    metrics.queued(3)
    metrics.busy(2)
    found = samples()
    assert (found["exfilter_queue_length{}"], found["exfilter_workers_busy{}"]) == (3, 2)
