"""The states of a report of a bad code. Pure.

open ─┬─> replaced   (another code was given; the bad one is never sold again)
      ├─> refunded   (its price goes back)
      └─> rejected   (with an answer; the buyer may report again)
"""

from typing import Literal, get_args

ReportState = Literal["open", "replaced", "refunded", "rejected"]
ReportReason = Literal["invalid", "used", "other"]

STATES: tuple[ReportState, ...] = get_args(ReportState)


def can_move(now: ReportState, then: ReportState) -> bool:
    """Whether a report may go from one state to the other."""
    return now == "open" and then != "open"
