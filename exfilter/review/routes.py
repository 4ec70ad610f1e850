"""The pages and calls of the desk itself."""

from __future__ import annotations

from exfilter.review.api import casework as case_calls
from exfilter.review.api import figures as figure_calls
from exfilter.review.api import transfers as transfer_calls
from exfilter.review.pages import audit, body, casework, figures, queue, transfer

DESK = (
    *(queue.router, transfer.router, body.router, casework.router, figures.router, audit.router),
    *(transfer_calls.router, case_calls.router, figure_calls.router),
)
