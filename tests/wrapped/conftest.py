"""One index and one reading of the catalogue for all tests here."""

from __future__ import annotations

import pytest

from exfilter.scan import Pipeline
from tests.wrapped import making


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return making.pipeline(tmp_path_factory.mktemp("wrapped"))


@pytest.fixture(scope="session")
def outcomes(pipeline: Pipeline) -> list[making.Outcome]:
    return [making.examined(pipeline, wrapped) for wrapped in making.files()]
