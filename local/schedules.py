"""When a schedule fires, and the message it sends."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from threading import Event

from local.sam_template import Schedule

_UNITS = {"minute": 60, "hour": 3600, "day": 86400}


def message(schedule: Schedule, at: datetime) -> str:
    """Return the schedule's input with EventBridge Scheduler's placeholders filled in."""
    placeholders = {
        "<aws.scheduler.scheduled-time>": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "<aws.scheduler.execution-id>": f"{schedule.name}-{int(at.timestamp())}",
        "<aws.scheduler.schedule-arn>": f"arn:aws:scheduler:::schedule/default/{schedule.name}",
        "<aws.scheduler.attempt-number>": "1",
    }
    text = schedule.input
    for placeholder, value in placeholders.items():
        text = text.replace(placeholder, value)
    return text


def next_time(expression: str, after: datetime) -> datetime:
    """Return when `rate(...)` or `cron(...)` (UTC, numbers only) fires next.

    Raises ValueError for other expressions.
    """
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if rate:
        return after + timedelta(seconds=int(rate[1]) * _UNITS[rate[2]])
    cron = re.fullmatch(r"cron\(([\d*]+) ([\d*]+) \* \* \? \*\)", expression)
    if not cron:
        raise ValueError(f"unsupported schedule expression {expression}")
    candidate = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while not (_fits(cron[1], candidate.minute) and _fits(cron[2], candidate.hour)):
        candidate += timedelta(minutes=1)
    return candidate


class Timetable:
    """Fires due schedules by a clock that may jump; what a jump skipped fires once."""

    def __init__(
        self,
        schedules: Mapping[str, Schedule],
        clock: Callable[[], float],
        fire: Callable[[str, datetime], object],
    ) -> None:
        """Count from the clock's current time."""
        self._schedules = schedules
        self._clock = clock
        self._fire = fire
        now = self._now()
        self._due = {name: next_time(s.expression, now) for name, s in schedules.items()}

    def tick(self) -> None:
        """Fire every schedule that is due."""
        now = self._now()
        for name, due in self._due.items():
            if due <= now:
                self._due[name] = next_time(self._schedules[name].expression, now)
                self._fire(name, now)

    def run(self, stop: Event, every: float = 0.5) -> None:
        """Check the clock every `every` real seconds until `stop` is set."""
        while not stop.wait(every):
            self.tick()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), tz=UTC)


def _fits(field: str, value: int) -> bool:
    return field == "*" or int(field) == value
