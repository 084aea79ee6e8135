"""When does each alarm report, and when is it silent?

`alarms.py` plays each situation through, period by period.
"""

import unittest

from alarms import ALARM, INSUFFICIENT_DATA, OK, reported, states
from resolve import Stack
from stacks import TEMPLATE

ALARMS = Stack(TEMPLATE, DryRun="false").of("AWS::CloudWatch::Alarm")


class Alarms(unittest.TestCase):
    def reported(self, alarm: str, length: int, **data: list) -> list[str]:
        return reported(ALARMS[alarm], states(ALARMS[alarm], length, data))

    def test_a_new_stack_without_data_is_in_no_alarm(self):
        for name in ALARMS:
            self.assertNotIn(ALARM, states(ALARMS[name], 200, {}), name)
            self.assertNotIn(INSUFFICIENT_DATA, self.reported(name, 200), name)

    def test_each_dead_letter_is_reported_while_the_first_stays_in_the_queue(self):
        depth = [0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2]
        changes = self.reported(
            "DeadLettersArrive",
            len(depth),
            ApproximateNumberOfMessagesVisible=depth,
            ApproximateNumberOfMessagesNotVisible=[0] * len(depth),
        )
        self.assertEqual(changes, [OK, ALARM, OK, ALARM, OK])

    def test_a_dead_letter_is_reported_by_either_metric(self):
        first = [None, None, None, 1, 1, 1, 1, 1]
        sent = [None, None, None, 1, None, None, None, None]
        for data in [
            # SQS has no metrics for a queue that was not used for hours.
            {
                "ApproximateNumberOfMessagesVisible": first,
                "ApproximateNumberOfMessagesNotVisible": [it and 0 for it in first],
            },
            {"NumberOfMessagesSent": sent},
        ]:
            self.assertEqual(self.reported("DeadLettersArrive", 8, **data), [OK, ALARM, OK])

    def test_reading_and_deleting_dead_letters_is_no_arrival(self):
        data = {
            "ApproximateNumberOfMessagesVisible": [0, 3, 3, 3, 3, 1, 3, 3, 2, 0, 0],
            "ApproximateNumberOfMessagesNotVisible": [0, 0, 0, 0, 0, 2, 0, 0, 1, 0, 0],
        }
        self.assertEqual(self.reported("DeadLettersArrive", 11, **data), [OK, ALARM, OK])

    def test_an_error_that_a_retry_fixes_is_not_reported(self):
        errors = [1, 1, 0, None, 0, 0, 0, 0]
        for name, alarm in ALARMS.items():
            self.assertNotIn(ALARM, states(alarm, 8, {"Errors": errors}), name)

    def test_a_dropped_or_lost_event_is_reported(self):
        for alarm, metric in [
            ("EventsAreDropped", "AsyncEventsDropped"),
            ("DeadLettersAreLost", "DestinationDeliveryFailures"),
        ]:
            for function in ["GoldCascade", "DependencyCheck"]:
                data = {f"{function}.{metric}": [None, 1, None, None]}
                self.assertEqual(self.reported(alarm, 4, **data), [OK, ALARM, OK], (alarm, function))

    def test_throttles_are_reported_when_they_last(self):
        burst = {"GoldCascade.Throttles": [None, 40, None, None, 12, None]}
        self.assertEqual(self.reported("FunctionsAreThrottled", 6, **burst), [OK])
        lasting = {"GoldCascade.Throttles": [None, 4, 9, 9, 9, None]}
        self.assertEqual(self.reported("FunctionsAreThrottled", 6, **lasting), [OK, ALARM, OK])

    def test_a_check_that_stops_running_and_runs_again_is_reported(self):
        hours = [None] * 3 + [1] * 5 + [None] * 40 + [1] * 5
        changes = self.reported("DependencyCheckIsMissing", len(hours), Invocations=hours)
        self.assertEqual(changes, [OK, INSUFFICIENT_DATA, OK])

    def test_a_daily_check_is_not_missing_between_two_checks(self):
        hours = [None] * 3 + ([1] + [None] * 23) * 5
        changes = self.reported("DependencyCheckIsMissing", len(hours), Invocations=hours)
        self.assertEqual(changes, [OK])

    def test_failures_are_reported_when_every_check_has_some(self):
        # The metric has the least number of each three hours.
        changes = self.reported("ChecksKeepFailing", 6, Failures=[0, 2, 2, None, 0, 0])
        self.assertEqual(changes, [OK, ALARM, OK])

    def test_a_pipeline_that_is_behind_for_long_is_reported_at_beginning_and_end(self):
        hours = [0, 12, 25, 26, None, 28, 1]
        changes = self.reported("PipelineIsBehind", len(hours), OldestStalenessHours=hours)
        self.assertEqual(changes, [OK, ALARM, OK])

    def test_builds_without_effect_are_reported(self):
        changes = self.reported("BuildsChangeNothing", 6, Unverified=[0, 0, 1, None, 1, 0])
        self.assertEqual(changes, [OK, ALARM, OK])

    def test_another_pipeline_is_reported_while_one_has_been_behind_for_days(self):
        # The minimum of each day: a wave of builds that ends within the day does not count.
        days = [0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
        for metric in ["PipelinesBehind", "Unverified"]:
            data = {"PipelinesBehind": [0] * len(days), "Unverified": [0] * len(days)} | {metric: days}
            changes = self.reported("MorePipelinesNeedAttention", len(days), **data)
            self.assertEqual(changes, [OK, ALARM, OK, ALARM, OK], metric)

    def test_more_builds_than_expected_are_reported_for_both_functions_together(self):
        data = {"GoldCascade.Starts": [150, 150, 150], "DependencyCheck.Starts": [10, 60, None]}
        self.assertEqual(self.reported("StartsAreMany", 3, **data), [OK, ALARM, OK])

    def test_missing_notifications_are_reported_and_a_single_race_is_not(self):
        quiet = [0] * 30
        race = [*quiet, 3, *quiet]
        changes = self.reported("NotificationsDoNotArrive", len(race), FoundByCheck=race)
        self.assertEqual(changes, [OK])
        # The check starts the next level when the builds of the first have ended.
        levels = [*quiet, 3, 0, 5, *quiet]
        changes = self.reported("NotificationsDoNotArrive", len(levels), FoundByCheck=levels)
        self.assertEqual(changes, [OK, ALARM])
        # A new base image each week, and no level below the next.
        weekly = [2, *[0] * 159] * 2
        changes = self.reported("NotificationsDoNotArrive", len(weekly), FoundByCheck=weekly)
        self.assertEqual(changes, [OK, ALARM, OK])


if __name__ == "__main__":
    unittest.main()
