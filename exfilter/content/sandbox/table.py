"""Where the parsers are: name -> module and function. The zygote imports them, nobody else."""

from __future__ import annotations

PARSERS: dict[str, str] = {}
