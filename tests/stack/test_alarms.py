"""When does each alarm report, and when is it silent?

Each situation is played through period by period, by `alarms.py`.
"""

import unittest

from alarms import ALARM, INSUFFICIENT_DATA, OK, states, told
from resolve import Stack
from stacks import TEMPLATE

ALARMS = Stack(TEMPLATE, DryRun="false").of("AWS::CloudWatch::Alarm")


class Alarms(unittest.TestCase):
    def told(self, alarm: str, length: int, **data: list) -> list[str]:
        return told(ALARMS[alarm], states(ALARMS[alarm], length, data))

    def test_a_fresh_stack_is_in_no_alarm_though_there_is_no_data_yet(self):
        for name in ALARMS:
            self.assertNotIn(ALARM, states(ALARMS[name], 200, {}), name)
            self.assertNotIn(INSUFFICIENT_DATA, self.told(name, 200), name)

    def test_each_dead_letter_is_reported_though_the_first_stays_in_the_queue(self):
        depth = [0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2]
        reported = self.told(
            "DeadLettersArrive",
            len(depth),
            ApproximateNumberOfMessagesVisible=depth,
            ApproximateNumberOfMessagesNotVisible=[0] * len(depth),
        )
        self.assertEqual(reported, [OK, ALARM, OK, ALARM, OK])

    def test_a_dead_letter_is_reported_by_whichever_metric_has_it(self):
        first = [None, None, None, 1, 1, 1, 1, 1]
        sent = [None, None, None, 1, None, None, None, None]
        for data in [
            # SQS has no metrics of a queue that was not used for hours.
            {
                "ApproximateNumberOfMessagesVisible": first,
                "ApproximateNumberOfMessagesNotVisible": [it and 0 for it in first],
            },
            {"NumberOfMessagesSent": sent},
        ]:
            self.assertEqual(self.told("DeadLettersArrive", 8, **data), [OK, ALARM, OK])

    def test_reading_and_deleting_dead_letters_is_no_arrival(self):
        data = {
            "ApproximateNumberOfMessagesVisible": [0, 3, 3, 3, 3, 1, 3, 3, 2, 0, 0],
            "ApproximateNumberOfMessagesNotVisible": [0, 0, 0, 0, 0, 2, 0, 0, 1, 0, 0],
        }
        self.assertEqual(self.told("DeadLettersArrive", 11, **data), [OK, ALARM, OK])

    def test_an_error_that_a_retry_removes_is_reported_by_no_alarm(self):
        errors = [1, 1, 0, None, 0, 0, 0, 0]
        for name, alarm in ALARMS.items():
            self.assertNotIn(ALARM, states(alarm, 8, {"Errors": errors}), name)

    def test_an_event_that_is_given_up_or_lost_is_reported(self):
        for alarm, metric in [
            ("EventsAreDropped", "AsyncEventsDropped"),
            ("DeadLettersAreLost", "DestinationDeliveryFailures"),
        ]:
            for function in ["GoldCascade", "DependencyCheck"]:
                data = {f"{function}.{metric}": [None, 1, None, None]}
                self.assertEqual(self.told(alarm, 4, **data), [OK, ALARM, OK], (alarm, function))

    def test_throttles_are_reported_when_they_last(self):
        burst = {"GoldCascade.Throttles": [None, 40, None, None, 12, None]}
        self.assertEqual(self.told("FunctionsAreThrottled", 6, **burst), [OK])
        lasting = {"GoldCascade.Throttles": [None, 4, 9, 9, 9, None]}
        self.assertEqual(self.told("FunctionsAreThrottled", 6, **lasting), [OK, ALARM, OK])

    def test_a_check_that_stops_running_is_reported_and_that_it_runs_again(self):
        hours = [None] * 3 + [1] * 5 + [None] * 40 + [1] * 5
        reported = self.told("DependencyCheckIsMissing", len(hours), Invocations=hours)
        self.assertEqual(reported, [OK, INSUFFICIENT_DATA, OK])

    def test_a_daily_check_is_not_missing_between_two_checks(self):
        hours = [None] * 3 + ([1] + [None] * 23) * 5
        reported = self.told("DependencyCheckIsMissing", len(hours), Invocations=hours)
        self.assertEqual(reported, [OK])

    def test_failures_of_checks_are_reported_when_no_check_is_without(self):
        # The metric has the least number of each three hours.
        reported = self.told("ChecksKeepFailing", 6, Failures=[0, 2, 2, None, 0, 0])
        self.assertEqual(reported, [OK, ALARM, OK])

    def test_a_pipeline_that_is_behind_for_long_is_reported_when_it_begins_and_ends(self):
        hours = [0, 12, 25, 26, None, 28, 1]
        reported = self.told("PipelineIsBehind", len(hours), OldestStalenessHours=hours)
        self.assertEqual(reported, [OK, ALARM, OK])

    def test_builds_without_effect_are_reported(self):
        reported = self.told("BuildsChangeNothing", 6, Unverified=[0, 0, 1, None, 1, 0])
        self.assertEqual(reported, [OK, ALARM, OK])

    def test_one_more_pipeline_is_reported_while_another_has_been_behind_for_days(self):
        # The least of each day: a wave of builds that ends within the day leaves none.
        days = [0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
        for metric in ["PipelinesBehind", "Unverified"]:
            data = {"PipelinesBehind": [0] * len(days), "Unverified": [0] * len(days)} | {metric: days}
            reported = self.told("MorePipelinesNeedAttention", len(days), **data)
            self.assertEqual(reported, [OK, ALARM, OK, ALARM, OK], metric)

    def test_more_builds_than_expected_are_reported_whichever_function_starts_them(self):
        data = {"GoldCascade.Starts": [150, 150, 150], "DependencyCheck.Starts": [10, 60, None]}
        self.assertEqual(self.told("StartsAreMany", 3, **data), [OK, ALARM, OK])

    def test_notifications_that_do_not_arrive_are_reported_and_one_race_is_not(self):
        quiet = [0] * 30
        race = [*quiet, 3, *quiet]
        reported = self.told("NotificationsDoNotArrive", len(race), FoundByCheck=race)
        self.assertEqual(reported, [OK])
        # The check starts the next level when the first one's builds have ended.
        levels = [*quiet, 3, 0, 5, *quiet]
        reported = self.told("NotificationsDoNotArrive", len(levels), FoundByCheck=levels)
        self.assertEqual(reported, [OK, ALARM])
        # A new base image each week, and nothing below the next level.
        weekly = [2, *[0] * 159] * 2
        reported = self.told("NotificationsDoNotArrive", len(weekly), FoundByCheck=weekly)
        self.assertEqual(reported, [OK, ALARM, OK])


if __name__ == "__main__":
    unittest.main()
