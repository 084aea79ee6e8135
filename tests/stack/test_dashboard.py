"""Does the dashboard show the metrics, the alarms and the map of its own stack?"""

import json
import re
import unittest

from resolve import Stack
from stacks import STACKS, TEMPLATE, WITH_DEFAULTS, WITH_EVERYTHING

# What the functions and AWS publish, by namespace.
METRICS = {
    "ImageCascade": {
        "Failures",
        "NotificationToStart",
        "OldestDeferredHours",
        "OldestStalenessHours",
        "PipelinesBehind",
        "Starts",
        "WouldStart",
    },
    "AWS/Lambda": {"Duration", "Errors"},
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible"},
}


def widgets(stack: Stack, kind: str) -> list[dict]:
    [dashboard] = stack.of("AWS::CloudWatch::Dashboard").values()
    body = json.loads(dashboard["DashboardBody"])
    return [it["properties"] for it in body["widgets"] if it["type"] == kind]


def expanded(metrics: list[list]) -> list[tuple]:
    """Each metric as namespace, name and dimensions: "." stands for the one above it."""
    all_of_them, above = [], []
    for metric in metrics:
        if isinstance(metric[0], dict):
            continue
        names = [it for it in metric if isinstance(it, str)]
        names = [above[index] if it == "." else it for index, it in enumerate(names)]
        above = names
        all_of_them.append((names[0], names[1], tuple(names[2:])))
    return all_of_them


class Dashboard(unittest.TestCase):
    def stacks(self):
        for name, stack in STACKS.items():
            with self.subTest(name):
                yield stack

    def test_it_is_there_unless_it_is_not_wanted(self):
        for parameter, count in [("true", 1), ("false", 0)]:
            stack = Stack(TEMPLATE, Dashboard=parameter)
            self.assertEqual(len(stack.of("AWS::CloudWatch::Dashboard")), count)
            # The function serves dashboards of the operator's own.
            self.assertIn("FleetMap", stack.of("AWS::Lambda::Function"))
        self.assertEqual(TEMPLATE["Outputs"]["DashboardUrl"]["Condition"], "HasDashboard")

    def test_the_map_is_not_drawn_by_a_refresh_that_no_person_asks_for(self):
        for stack in self.stacks():
            [widget] = widgets(stack, "custom")
            self.assertEqual(widget["endpoint"], "FleetMap.Arn")
            self.assertEqual(
                widget["updateOn"], {"refresh": False, "resize": True, "timeRange": False}
            )

    def test_each_metric_exists_and_is_of_the_stack(self):
        shown = set()
        for stack in self.stacks():
            [queue] = stack.of("AWS::SQS::Queue")
            own = {"GoldCascade", "DependencyCheck", f"{queue}.QueueName"}
            for widget in widgets(stack, "metric"):
                self.assertEqual(widget["region"], "us-east-1")
                for namespace, name, dimensions in expanded(widget["metrics"]):
                    self.assertIn(name, METRICS[namespace])
                    self.assertIn(dimensions[0], {"FunctionName", "QueueName"})
                    self.assertIn(dimensions[1], own)
                    self.assertEqual(len(dimensions), 2)
                    shown.add((namespace, name))
        self.assertEqual(shown, {(space, it) for space, names in METRICS.items() for it in names})

    def test_deferred_work_is_shown_by_gate(self):
        for stack in self.stacks():
            [search] = (
                metric[0]["expression"]
                for widget in widgets(stack, "metric")
                for metric in widget["metrics"]
                if isinstance(metric[0], dict)
            )
            self.assertRegex(search, r"^SEARCH\('\{ImageCascade,FunctionName,Gate\} ")
            self.assertIn('MetricName="Deferred" FunctionName="DependencyCheck"', search)

    def test_in_a_dry_run_it_shows_what_would_start(self):
        for stack, name in [(WITH_DEFAULTS, "WouldStart"), (WITH_EVERYTHING, "Starts")]:
            shown = {
                metric[1]
                for widget in widgets(stack, "metric")
                for metric in expanded(widget["metrics"])
            }
            self.assertEqual(shown & {"WouldStart", "Starts"}, {name})

    def test_every_alarm_is_shown(self):
        for stack in self.stacks():
            [widget] = widgets(stack, "alarm")
            alarms = {f"{name}.Arn" for name in stack.of("AWS::CloudWatch::Alarm")}
            self.assertEqual(set(widget["alarms"]), alarms)
            self.assertEqual(len(widget["alarms"]), len(alarms))

    def test_the_saved_query_reads_the_logs_of_the_functions_that_decide(self):
        for stack in self.stacks():
            [query] = stack.of("AWS::Logs::QueryDefinition").values()
            groups = {
                stack.of("AWS::Lambda::Function")[name]["LoggingConfig"]["LogGroup"]
                for name in ["GoldCascade", "DependencyCheck"]
            }
            self.assertEqual(set(query["LogGroupNames"]), groups)
            [pattern] = re.findall(r"pipeline\.arn like /(.*)/", query["QueryString"])
            arn = "arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/NAME"
            self.assertRegex(arn, pattern)
            self.assertNotRegex(f"{arn}-2", pattern)


if __name__ == "__main__":
    unittest.main()
