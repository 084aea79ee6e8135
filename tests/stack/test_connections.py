"""Does everything in the transformed template connect with what it needs?

What CloudFormation accepts may still be deaf: a subscription without a permission, a dead-letter
queue that nobody may write to, a topic whose key the publisher may not use. Each test looks at
every choice of the parameters that makes a difference.
"""

import unittest
from pathlib import Path

from resolve import Stack
from transform import transformed

TEMPLATE = transformed(Path(__file__).parents[2] / "template.yaml")

FOREIGN_TOPIC = "arn:aws:sns:us-east-1:210987654321:their-gold-images"

STACKS = {
    "as it comes": Stack(TEMPLATE),
    "with all that can be switched on": Stack(
        TEMPLATE,
        HearImageEvents="true",
        ParameterPrefix="/golden/",
        ReportEmail="team@example.com",
        Traces="true",
    ),
    "on a topic of another account": Stack(TEMPLATE, GoldTopicArn=FOREIGN_TOPIC),
}

FUNCTIONS = {"GoldCascade", "DependencyCheck"}


def each(value):
    return value if isinstance(value, list) else [value]


class Connections(unittest.TestCase):
    def stacks(self):
        for name, stack in STACKS.items():
            with self.subTest(name):
                yield stack

    def may_invoke(self, stack, principal, source, function):
        permissions = stack.of("AWS::Lambda::Permission").values()
        return any(
            it["Principal"] == principal
            and it.get("SourceArn") == source
            and it["FunctionName"] in (function, f"{function}.Arn")
            and it["Action"] == "lambda:InvokeFunction"
            for it in permissions
        )

    def may_queue(self, stack, service, source):
        """Whether the queue's policy lets a service write on behalf of `source` alone."""
        [policy] = stack.of("AWS::SQS::QueuePolicy").values()
        self.assertEqual(policy["Queues"], ["DeadLetters"])
        return any(
            it["Effect"] == "Allow"
            and it["Principal"] == {"Service": service}
            and it["Action"] == "sqs:SendMessage"
            and it["Resource"] == "DeadLetters.Arn"
            and it["Condition"] == {"ArnEquals": {"aws:SourceArn": source}}
            for it in policy["PolicyDocument"]["Statement"]
        )

    def statements(self, stack, role):
        properties = stack.of("AWS::IAM::Role")[role]
        for policy in properties.get("Policies", []):
            yield from policy["PolicyDocument"]["Statement"]

    def role_may(self, stack, role, action, resource):
        return any(
            action in each(it["Action"]) and resource in each(it["Resource"])
            for it in self.statements(stack, role)
        )

    def test_the_gold_topic_reaches_the_function_that_cascades(self):
        for stack in self.stacks():
            topic = stack.parameters["GoldTopicArn"] or "GoldTopic"
            lambdas = [
                it
                for it in stack.of("AWS::SNS::Subscription").values()
                if it["Protocol"] == "lambda"
            ]
            [it] = lambdas
            self.assertEqual((it["TopicArn"], it["Endpoint"]), (topic, "GoldCascade.Arn"))
            self.assertEqual(it["FilterPolicyScope"], "MessageBody")
            states = it["FilterPolicy"]["state"]["status"]
            self.assertEqual(states, ["AVAILABLE", "FAILED", "CANCELLED"])
            self.assertTrue(self.may_invoke(stack, "sns.amazonaws.com", topic, "GoldCascade"))

    def test_what_the_subscription_cannot_deliver_is_kept(self):
        for stack in self.stacks():
            topic = stack.parameters["GoldTopicArn"] or "GoldTopic"
            for it in stack.of("AWS::SNS::Subscription").values():
                if it["Protocol"] == "lambda":
                    redrive = it["RedrivePolicy"]["deadLetterTargetArn"]
                    self.assertEqual(redrive, "DeadLetters.Arn")
            self.assertTrue(self.may_queue(stack, "sns.amazonaws.com", topic))

    def test_the_schedule_reaches_the_check_and_keeps_what_it_cannot_deliver(self):
        for stack in self.stacks():
            [schedule] = stack.of("AWS::Scheduler::Schedule").values()
            target = schedule["Target"]
            self.assertEqual(target["Arn"], "DependencyCheck.Arn")
            self.assertEqual(target["DeadLetterConfig"], {"Arn": "DeadLetters.Arn"})
            self.assertEqual(target["RetryPolicy"]["MaximumRetryAttempts"], 5)
            self.assertEqual(schedule["ScheduleExpressionTimezone"], "UTC")
            self.assertEqual(schedule["FlexibleTimeWindow"]["Mode"], "FLEXIBLE")
            role = target["RoleArn"].removesuffix(".Arn")
            trust = stack.of("AWS::IAM::Role")[role]["AssumeRolePolicyDocument"]["Statement"]
            self.assertEqual(each(trust[0]["Principal"]["Service"]), ["scheduler.amazonaws.com"])
            for action, resource in [
                ("lambda:InvokeFunction", "DependencyCheck.Arn"),
                ("sqs:SendMessage", "DeadLetters.Arn"),
            ]:
                self.assertTrue(self.role_may(stack, role, action, resource), action)

    def test_each_rule_reaches_its_function_and_keeps_what_it_cannot_deliver(self):
        targets = {}
        for stack in self.stacks():
            for name, rule in stack.of("AWS::Events::Rule").items():
                [target] = rule["Targets"]
                function = target["Arn"].removesuffix(".Arn")
                source, principal = f"{name}.Arn", "events.amazonaws.com"
                self.assertTrue(self.may_invoke(stack, principal, source, function), name)
                self.assertEqual(target["DeadLetterConfig"], {"Arn": "DeadLetters.Arn"})
                self.assertTrue(self.may_queue(stack, principal, source), name)
                targets[name] = (function, rule["EventPattern"]["source"])
        self.assertEqual(
            targets,
            {
                "ImageEvents": ("GoldCascade", ["aws.imagebuilder"]),
                "ParameterEvents": ("DependencyCheck", ["aws.ssm"]),
            },
        )

    def test_a_failed_invocation_is_kept_after_its_retries(self):
        for stack in self.stacks():
            configs = {
                it["FunctionName"]: it
                for it in stack.of("AWS::Lambda::EventInvokeConfig").values()
            }
            self.assertEqual(configs.keys(), FUNCTIONS)
            for function, it in configs.items():
                self.assertEqual(it["MaximumRetryAttempts"], 2)
                failed = it["DestinationConfig"]["OnFailure"]["Destination"]
                self.assertEqual(failed, "DeadLetters.Arn")
                role = stack.of("AWS::Lambda::Function")[function]["Role"].removesuffix(".Arn")
                self.assertTrue(self.role_may(stack, role, "sqs:SendMessage", "DeadLetters.Arn"))

    def test_the_queue_keeps_for_two_weeks_and_is_encrypted_without_a_key_of_ours(self):
        for stack in self.stacks():
            [queue] = stack.of("AWS::SQS::Queue").values()
            self.assertEqual(queue["MessageRetentionPeriod"], 14 * 24 * 3600)
            # A key of ours would have to let SNS, EventBridge, Lambda and the scheduler in.
            self.assertTrue(queue["SqsManagedSseEnabled"])
            self.assertNotIn("KmsMasterKeyId", queue)

    def test_whoever_publishes_may_use_the_topics_key(self):
        service_role = (
            "arn:aws:iam::123456789012:role/aws-service-role/imagebuilder.amazonaws.com/"
            "AWSServiceRoleForImageBuilder"
        )
        for stack in self.stacks():
            for topic in stack.of("AWS::SNS::Topic").values():
                self.assertEqual(topic["KmsMasterKeyId"], "Key.Arn")
            statements = stack.of("AWS::KMS::Key")["Key"]["KeyPolicy"]["Statement"]
            grants = {str(it["Principal"]): set(each(it["Action"])) for it in statements}
            publishes = {"kms:GenerateDataKey*", "kms:Decrypt"}
            for principal in [{"AWS": service_role}, {"Service": "cloudwatch.amazonaws.com"}]:
                self.assertLessEqual(publishes, grants[str(principal)])
            for function in FUNCTIONS:
                role = stack.of("AWS::Lambda::Function")[function]["Role"].removesuffix(".Arn")
                for action, resource in [
                    ("sns:Publish", "ReportTopic"),
                    ("kms:GenerateDataKey", "Key.Arn"),
                    ("kms:Decrypt", "Key.Arn"),
                ]:
                    self.assertTrue(self.role_may(stack, role, action, resource), action)

    def test_each_function_writes_to_a_log_group_that_forgets(self):
        for stack in self.stacks():
            groups = stack.of("AWS::Logs::LogGroup")
            for function, it in stack.of("AWS::Lambda::Function").items():
                group = it["LoggingConfig"]["LogGroup"]
                self.assertEqual(groups[group]["RetentionInDays"], 90)
                role = it["Role"].removesuffix(".Arn")
                self.assertTrue(self.role_may(stack, role, "logs:PutLogEvents", f"{group}.Arn"))

    def test_traces_are_made_where_they_may_be_sent(self):
        for stack in self.stacks():
            traces = stack.parameters["Traces"] == "true"
            for it in stack.of("AWS::Lambda::Function").values():
                role = it["Role"].removesuffix(".Arn")
                self.assertEqual(it.get("TracingConfig", {}).get("Mode") == "Active", traces)
                self.assertEqual(self.role_may(stack, role, "xray:PutTraceSegments", "*"), traces)

    def test_every_alarm_tells_somebody_of_a_metric_that_there_is(self):
        of_ours = {"ImageCascade": {"OldestStalenessHours"}}
        of_awss = {
            "AWS/Lambda": {"Errors", "Invocations"},
            "AWS/SQS": {"ApproximateNumberOfMessagesVisible"},
        }
        for stack in self.stacks():
            for name, alarm in stack.of("AWS::CloudWatch::Alarm").items():
                self.assertEqual(alarm["AlarmActions"], ["ReportTopic"], name)
                metrics = (of_ours | of_awss)[alarm["Namespace"]]
                self.assertIn(alarm["MetricName"], metrics, name)
                [dimension] = alarm["Dimensions"]
                self.assertIn(dimension["Value"], {*FUNCTIONS, "DeadLetters.QueueName"}, name)

    def test_nothing_starts_until_somebody_says_so(self):
        for function in STACKS["as it comes"].of("AWS::Lambda::Function").values():
            self.assertEqual(function["Environment"]["Variables"]["DRY_RUN"], "true")

    def test_mail_is_sent_only_where_somebody_asked_for_it(self):
        for stack in self.stacks():
            mails = [
                it for it in stack.of("AWS::SNS::Subscription").values() if it["Protocol"] == "email"
            ]
            self.assertEqual(len(mails), 1 if stack.parameters["ReportEmail"] else 0)
            for it in mails:
                self.assertEqual(it["TopicArn"], "ReportTopic")


if __name__ == "__main__":
    unittest.main()
