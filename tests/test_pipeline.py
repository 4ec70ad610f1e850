"""The pipeline of all doors: late is late, names are masked, terms are found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from detectors.terms import Terms
from exfilter import policy
from exfilter.kernel.layer import SHARED
from exfilter.limits import PROXY
from exfilter.mask import mask
from exfilter.model import Action, Exhibit, Kind, Reason, Shown, Transfer, Unscanned, never
from exfilter.scan import SHOWN, Engine, Pipeline, _of_counted
from tests.evidence import slow
from tests.index import making

UPLOAD = Transfer("proxy", b"a quiet line\n", actor="boris", destination="files.example", method="POST")


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """Make a pipeline on four customers and the policy of a fresh folder."""
    folder = tmp_path_factory.mktemp("pipeline")
    making.make(folder)
    engine = Engine(making.opened(folder), Terms({"project": ["Heron Lake"]}))
    return Pipeline(engine, policy.read(policy.default_policy_text().encode()), PROXY)


class Passing:
    """A deadline that passes at the nth question."""

    def __init__(self, questions: int) -> None:
        self.left = questions

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


def questions(pipeline: Pipeline, transfer: Transfer) -> int:
    """Return how often the deadline is asked for while a transfer is read."""
    patient = Passing(10**6)
    pipeline.examine(transfer, patient)
    return 10**6 - patient.left


def test_whenever_the_deadline_passes_the_transfer_is_late(pipeline: Pipeline) -> None:
    asked = questions(pipeline, UPLOAD)
    assert asked > 1
    for question in range(asked):
        verdict = pipeline.examine(UPLOAD, Passing(question))
        assert Reason.DEADLINE in {item.reason for item in verdict.findings.unscanned}
        assert verdict.action is Action.QUARANTINE
    assert pipeline.examine(UPLOAD, never).findings.unscanned == ()


def test_a_deadline_that_passes_in_the_last_part_names_that_part(pipeline: Pipeline) -> None:
    (late,) = pipeline.examine(UPLOAD, Passing(questions(pipeline, UPLOAD) - 1)).findings.unscanned
    assert (late.part.partition(" ")[0], late.reason) == ("request.body", Reason.DEADLINE)
    assert late.bytes > 0


def test_a_deadline_is_reported_once(pipeline: Pipeline) -> None:
    nothing = Transfer("scan", b"", name="empty.txt")
    for transfer in (nothing, replace(nothing, name="")):
        (late,) = pipeline.examine(transfer, lambda: True).findings.unscanned
        assert late.reason is Reason.DEADLINE


def test_what_the_door_never_had_is_unscanned(pipeline: Pipeline) -> None:
    missing = (Unscanned("request.body", Reason.UNSUPPORTED, 1 << 20),)
    verdict = pipeline.examine(UPLOAD, missing=missing)
    assert verdict.findings.unscanned == missing
    assert verdict.action.holds
    assert not pipeline.would_hold_what_was_read(UPLOAD, verdict)


def test_terms_are_found_in_any_spelling(pipeline: Pipeline) -> None:
    found = pipeline.examine(replace(UPLOAD, body="HERON\nLAKE, heron lake, Ｈeron Lake".encode())).findings
    assert found.terms == {"project": 3}


HOSTS = (
    ("anna-kowalska-2125550142.evil.example", "a•••-k•••-2•••.evil.example"),
    ("x.kowalska.anna.evil.example", "x.k•••.a•••.evil.example"),
    ("l-berg-ludwig-van-der-berg.evil.example", "•-b•••-l•••-v•••-d•••-b•••.evil.example"),
    ("x-tm12345678-files.evil.example", "•-t•••-f•••.evil.example"),
    ("212-555-0142.evil.example", "2•••-5•••-0•••.evil.example"),
    ("files.example", "files.example"),
    ("192.0.2.10", "192.0.2.10"),
    ("", ""),
)


@pytest.mark.parametrize(("host", "shown"), HOSTS)
def test_a_label_of_a_host_that_holds_a_customer_is_masked_whole(
    pipeline: Pipeline, host: str, shown: str
) -> None:
    assert pipeline.engine.names(replace(UPLOAD, destination=host)).destination == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("anna.kowalska@post.example", "a•••.k•••@p•••.e•••"),
        ("/home/Anna Kowalska/q3.csv", "/home/A••• K•••/q3.csv"),
        ("Ludwig van der Berg Ina", "L••• v••• d••• B••• I•••"),
        ("boris", "boris"),
        ("Berg", "Berg"),
        ("\udcff/Anna Kowalska", "\udcff/A••• K•••"),
    ],
)
def test_names_that_somebody_chose_are_masked(pipeline: Pipeline, text: str, shown: str) -> None:
    names = pipeline.engine.names(replace(UPLOAD, actor=text, name=text))
    assert (names.actor, names.file) == (text, shown)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("in/anna.kowalska@post.example.txt", "in/a•••.k•••@p•••.e•••.txt"),
        ("in/anna.kowalska@post.example", "in/a•••.k•••@p•••.e•••"),
        ("Anna.Kowalska", "A•••.K•••"),
        ("q3.csv", "q3.csv"),
        ("-", "-"),
    ],
)
def test_an_ending_hides_no_address(pipeline: Pipeline, path: str, shown: str) -> None:
    assert pipeline.engine.names(Transfer("scan", b"", name=path)).file == shown


@pytest.mark.parametrize(
    ("method", "shown"), [("POST", "POST"), ("", ""), ("x", "other"), ("ANNA-KOWALSKA", "A•••-K•••")]
)
def test_any_word_may_be_a_method(pipeline: Pipeline, method: str, shown: str) -> None:
    assert pipeline.engine.names(replace(UPLOAD, method=method)).method == shown


@pytest.mark.parametrize("judge", [Pipeline.examine, lambda p, t: p.failed("x", t, Reason.UNSUPPORTED)])
def test_a_verdict_says_what_its_transfer_may_be_called(
    pipeline: Pipeline, judge: Callable[[Pipeline, Transfer], object]
) -> None:
    hidden = replace(UPLOAD, destination="anna-kowalska.evil.example")
    shown = Shown("boris", "a•••-k•••.evil.example", "POST")
    assert getattr(judge(pipeline, hidden), "shown") == shown  # noqa: B009


def test_rules_go_by_the_true_name(pipeline: Pipeline) -> None:
    text = '[[rules]]\nname = "evil"\ndestination = ["*.evil.example"]\naction = "block"\n'
    strict = replace(pipeline, policy=policy.read(text.encode()))
    verdict = strict.examine(replace(UPLOAD, destination="anna-kowalska.evil.example"))
    assert (verdict.action, verdict.rule) == (Action.BLOCK, "evil")


def test_revealing_shows_exhibits_and_no_names(pipeline: Pipeline, tmp_path: Path) -> None:
    path = str(tmp_path / "Anna Kowalska.txt")
    body = b"Anna Kowalska, anna.kowalska@post.example, TM-12345678"
    verdict = pipeline.examine(Transfer("scan", body, name=path), reveal=True)
    assert "anna.kowalska@post.example" in {exhibit.masked for exhibit in verdict.findings.exhibits}
    assert "Kowalska" not in verdict.shown.file


CUSTOMERS = 60
WORLD, _ = slow.world(np.random.default_rng(1), CUSTOMERS)
BORNE = [[ordinal] for ordinal in range(CUSTOMERS)] + [
    layer.postings[start:end].tolist()
    for layer in WORLD.layers
    for start, end in zip(layer.postings_start[:-1], layer.postings_start[1:], strict=True)
]
"""Who bears a value: one customer each, then the shared values of all layers."""


@given(st.lists(st.integers(0, len(BORNE) - 1), max_size=9), st.sets(st.integers(0, CUSTOMERS + 5)))
@example(list(range(len(BORNE))), set())
@example([0, CUSTOMERS], {0})
@example([], {0})
def test_an_exhibit_is_of_the_first_of_its_bearers_who_counts(values: list[int], counted: set[int]) -> None:
    """In batches: what is asked for stands in the first, in the last and around their borders."""
    values = (values * SHOWN)[: 2 * SHOWN + len(values)]
    found = [
        (
            Exhibit(f"part {number}", Kind.NAME, mask("Anna", Kind.NAME), -1, 0),
            value if value < CUSTOMERS else int(SHARED) | (value - CUSTOMERS),
        )
        for number, value in enumerate(values)
    ]
    wanted = [
        (f"part {number}", min(counted & set(BORNE[value])), len(BORNE[value]))
        for number, value in enumerate(values)
        if counted & set(BORNE[value])
    ]
    shown = _of_counted(found, np.array(sorted(counted), dtype=np.int64), WORLD)
    assert [(exhibit.part, exhibit.ordinal, exhibit.bearers) for exhibit in shown] == wanted
