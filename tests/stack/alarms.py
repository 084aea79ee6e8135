"""Which states does an alarm pass through, for given data?

CloudWatch's evaluation as far as the stack's alarms use it: M of N periods, the four ways to treat
missing data, and metric math with SUM, MAX, DIFF and FILL. A metric is a list with a value for each
period, or None without data; before the list there is no data either. `Throttles` is the data of both
functions, `GoldCascade.Throttles` that of one.

CloudWatch looks further back than the alarm's periods; how far is not documented. Here it is
EXTRA_PERIODS.
"""

from collections.abc import Callable

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"

EXTRA_PERIODS = 2

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
}


class Series(list):
    """Values by period; arithmetic has a value only if both sides have one."""

    def __add__(self, other):
        return Series(None if None in pair else sum(pair) for pair in zip(self, other, strict=True))

    def __gt__(self, number):
        return Series(None if it is None else int(it > number) for it in self)


def diff(series):
    pairs = zip([None, *series], series)
    return Series(None if None in pair else pair[1] - pair[0] for pair in pairs)


def fill(series, value):
    filled = Series()
    for it in series:
        if it is None:
            it = (filled[-1] if filled else None) if value == "REPEAT" else value
        filled.append(it)
    return filled


def of_existing(combine):
    """A function of several series that combines, for each period, the values that exist."""

    def combined(series):
        there = ([it for it in values if it is not None] for values in zip(*series))
        return Series(combine(values) if values else None for values in there)

    return combined


MATH = {
    "DIFF": diff,
    "FILL": fill,
    "SUM": of_existing(sum),
    "MAX": of_existing(max),
    "REPEAT": "REPEAT",
}


def watched(alarm: dict, data: dict[str, list], length: int) -> Series:
    """What the alarm compares with its threshold, for the last `length` periods of `data`."""

    def series(metric: dict) -> Series:
        name = metric["MetricName"]
        of_one_function = f"{metric['Dimensions'][0]['Value']}.{name}"
        values = [None] * length + data.get(of_one_function, data.get(name, []))
        return Series(values[-length:])

    if "Metrics" not in alarm:
        return series(alarm)
    [result] = [it["Id"] for it in alarm["Metrics"] if it.get("ReturnData", True)]
    queries = {it["Id"]: it for it in alarm["Metrics"]}

    class Names(dict):
        """What each name in an expression means."""

        def __missing__(self, name):
            if name in MATH:
                return MATH[name]
            query = queries[name]
            if "Expression" in query:
                return eval(query["Expression"], {"__builtins__": {}}, self)
            return series(query["MetricStat"]["Metric"])

    return Names()[result]


def states(alarm: dict, length: int, data: dict[str, list]) -> list[str]:
    """The states after each of `length` periods, for an alarm that was created before the first."""
    for metric, values in data.items():
        assert len(values) == length, f"{metric} has {len(values)} periods"
    state, states = INSUFFICIENT_DATA, []
    for now in range(1, length + 1):
        state = evaluated(alarm, state, {name: values[:now] for name, values in data.items()})
        states.append(state)
    return states


def evaluated(alarm: dict, state: str, data: dict[str, list]) -> str:
    periods = int(alarm["EvaluationPeriods"])
    needed = int(alarm.get("DatapointsToAlarm", periods))
    threshold, breaches = float(alarm["Threshold"]), COMPARISONS[alarm["ComparisonOperator"]]
    values = watched(alarm, data, periods + EXTRA_PERIODS)
    there = [it for it in values if it is not None]
    missing = alarm["TreatMissingData"]
    if not there and missing in ("missing", "ignore"):
        return INSUFFICIENT_DATA if missing == "missing" else state
    if missing in ("missing", "ignore"):
        # The most recent data.
        values = there[-periods:]
        if missing == "ignore" and len(values) < needed:
            return state
        needed = min(needed, len(values))
    else:
        values = values[-periods:]
    breaching = sum(missing == "breaching" if it is None else breaches(it, threshold) for it in values)
    return ALARM if breaching >= needed else OK


def reported(alarm: dict, sequence: list[str]) -> list[str]:
    """The states that are reported: each change to a state that has an action."""
    actions = {OK: "OKActions", ALARM: "AlarmActions", INSUFFICIENT_DATA: "InsufficientDataActions"}
    changes = zip([INSUFFICIENT_DATA, *sequence], sequence)
    return [after for before, after in changes if before != after and alarm.get(actions[after])]
