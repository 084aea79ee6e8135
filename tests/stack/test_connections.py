"""Is everything in the transformed template connected with what it needs?

A template that CloudFormation accepts may still not work: a subscription without a permission, a
dead-letter queue to which the service may not send, a topic whose key the publisher may not use. Each
test covers every choice of parameters that makes a difference.
"""

import json
import re
import unittest
from collections import Counter

from resolve import Stack
from stacks import (
    WITH_DEFAULTS,
    CALENDARS,
    COMPONENT_KEYS,
    FOREIGN_TOPIC,
    OWN_KEY,
    STACKS,
    TEMPLATE,
    TOPIC_OF_ANOTHER_REGION,
    WITH_EVERYTHING,
)

FUNCTIONS = {
    name for name, it in TEMPLATE["Resources"].items() if it["Type"] == "AWS::Lambda::Function"
}

# Those that services invoke, and that start builds. The others are invoked by a person's console.
STARTING = {"GoldCascade", "DependencyCheck"}

# States of a build that end it.
ENDED = ["AVAILABLE", "FAILED", "CANCELLED"]


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

    def queue(self, stack):
        """The logical id of the only queue."""
        [queue] = stack.of("AWS::SQS::Queue")
        return queue

    def queue_arn(self, stack):
        return f"{self.queue(stack)}.Arn"

    def may_queue(self, stack, service, source):
        """Whether the queue's policy lets a service send on behalf of `source` only."""
        [policy] = stack.of("AWS::SQS::QueuePolicy").values()
        self.assertEqual(policy["Queues"], [self.queue(stack)])
        sources = [
            source
            for it in policy["PolicyDocument"]["Statement"]
            if it["Effect"] == "Allow"
            for source in each(it["Condition"]["ArnEquals"]["aws:SourceArn"])
        ]
        rules = {f"{name}.Arn" for name in stack.of("AWS::Events::Rule")}
        topic = stack.parameters["GoldTopicArn"] or "GoldTopic"
        self.assertEqual(set(sources), {topic, *rules})
        return any(
            it["Effect"] == "Allow"
            and it["Principal"] == {"Service": service}
            and it["Action"] == "sqs:SendMessage"
            and it["Resource"] == self.queue_arn(stack)
            and source in each(it["Condition"]["ArnEquals"]["aws:SourceArn"])
            for it in policy["PolicyDocument"]["Statement"]
        )

    def statements(self, stack, role):
        within = stack.of("AWS::IAM::Role")[role].get("Policies", [])
        shared = [it for it in stack.of("AWS::IAM::Policy").values() if role in it["Roles"]]
        for policy in [*within, *shared]:
            yield from policy["PolicyDocument"]["Statement"]

    def role_may(self, stack, role, action, resource):
        return any(
            action in each(it["Action"]) and resource in each(it["Resource"])
            for it in self.statements(stack, role)
        )

    def test_the_gold_topic_invokes_gold_cascade(self):
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
            # Image Builder's notification, and an EventBridge event that a rule sent to the topic.
            of_its_own, of_an_event = it["FilterPolicy"]["$or"]
            self.assertEqual(of_its_own["state"]["status"], ENDED)
            self.assertEqual(of_an_event["detail"]["state"]["status"], ENDED)
            self.assertTrue(self.may_invoke(stack, "sns.amazonaws.com", topic, "GoldCascade"))

    def test_undeliverable_notifications_go_to_the_dead_letter_queue(self):
        for stack in self.stacks():
            topic = stack.parameters["GoldTopicArn"] or "GoldTopic"
            for it in stack.of("AWS::SNS::Subscription").values():
                # SNS accepts only a queue in the topic's Region.
                if it["Protocol"] == "lambda" and topic != TOPIC_OF_ANOTHER_REGION:
                    redrive = it["RedrivePolicy"]["deadLetterTargetArn"]
                    self.assertEqual(redrive, self.queue_arn(stack))
            self.assertTrue(self.may_queue(stack, "sns.amazonaws.com", topic))

    def test_a_topic_of_another_region_is_subscribed_in_its_region(self):
        regions = {}
        for stack in self.stacks():
            [it] = (
                it
                for it in stack.of("AWS::SNS::Subscription").values()
                if it["Protocol"] == "lambda"
            )
            regions[it["TopicArn"]] = (it["Region"], "RedrivePolicy" in it)
        self.assertEqual(
            regions,
            {
                "GoldTopic": ("us-east-1", True),
                FOREIGN_TOPIC: ("us-east-1", True),
                TOPIC_OF_ANOTHER_REGION: ("eu-west-1", False),
            },
        )

    def test_the_schedule_invokes_the_check_and_has_a_dead_letter_queue(self):
        for stack in self.stacks():
            [schedule] = stack.of("AWS::Scheduler::Schedule").values()
            target = schedule["Target"]
            self.assertEqual(target["Arn"], "DependencyCheck.Arn")
            self.assertEqual(target["DeadLetterConfig"], {"Arn": self.queue_arn(stack)})
            self.assertEqual(target["RetryPolicy"]["MaximumRetryAttempts"], 5)
            self.assertEqual(schedule["ScheduleExpressionTimezone"], "UTC")
            self.assertEqual(schedule["FlexibleTimeWindow"]["Mode"], "FLEXIBLE")
            role = target["RoleArn"].removesuffix(".Arn")
            trust = stack.of("AWS::IAM::Role")[role]["AssumeRolePolicyDocument"]["Statement"]
            self.assertEqual(each(trust[0]["Principal"]["Service"]), ["scheduler.amazonaws.com"])
            # Otherwise another account's schedule could use the role.
            of_this_account = {"StringEquals": {"aws:SourceAccount": "123456789012"}}
            self.assertEqual(trust[0]["Condition"], of_this_account)
            for action, resource in [
                ("lambda:InvokeFunction", "DependencyCheck.Arn"),
                ("sqs:SendMessage", self.queue_arn(stack)),
            ]:
                self.assertTrue(self.role_may(stack, role, action, resource), action)

    def test_each_rule_invokes_its_function_and_has_a_dead_letter_queue(self):
        targets = {}
        for stack in self.stacks():
            for name, rule in stack.of("AWS::Events::Rule").items():
                [target] = rule["Targets"]
                function = target["Arn"].removesuffix(".Arn")
                source, principal = f"{name}.Arn", "events.amazonaws.com"
                self.assertTrue(self.may_invoke(stack, principal, source, function), name)
                self.assertEqual(target["DeadLetterConfig"], {"Arn": self.queue_arn(stack)})
                self.assertTrue(self.may_queue(stack, principal, source), name)
                pattern = rule["EventPattern"]
                pattern = json.loads(pattern) if isinstance(pattern, str) else pattern
                targets[name] = (function, pattern["source"])
        self.assertEqual(
            targets,
            {
                "ImageEvents": ("GoldCascade", ["aws.imagebuilder"]),
                "SystemsManagerEvents": ("DependencyCheck", ["aws.ssm"]),
                "FindingEvents": ("GoldCascade", ["aws.imagebuilder"]),
            },
        )

    def test_a_failed_invocation_goes_to_the_dead_letter_queue_after_its_retries(self):
        for stack in self.stacks():
            configs = {
                it["FunctionName"]: it
                for it in stack.of("AWS::Lambda::EventInvokeConfig").values()
            }
            self.assertEqual(configs.keys(), STARTING)
            for function, it in configs.items():
                self.assertEqual(it["MaximumRetryAttempts"], 2)
                failed = it["DestinationConfig"]["OnFailure"]["Destination"]
                self.assertEqual(failed, self.queue_arn(stack))
                role = stack.of("AWS::Lambda::Function")[function]["Role"].removesuffix(".Arn")
                self.assertTrue(
                    self.role_may(stack, role, "sqs:SendMessage", self.queue_arn(stack))
                )

    def test_the_queue_keeps_messages_for_two_weeks_and_is_encrypted_by_sqs(self):
        for stack in self.stacks():
            [queue] = stack.of("AWS::SQS::Queue").values()
            self.assertEqual(queue["MessageRetentionPeriod"], 14 * 24 * 3600)
            # A key of the stack would have to admit SNS, EventBridge, Lambda and the scheduler.
            self.assertTrue(queue["SqsManagedSseEnabled"])
            self.assertNotIn("KmsMasterKeyId", queue)

    def test_each_publisher_may_use_the_key_for_the_topics_only(self):
        [key] = WITH_DEFAULTS.of("AWS::KMS::Key")
        statements = WITH_DEFAULTS.of("AWS::KMS::Key")[key]["KeyPolicy"]["Statement"]
        by_sid = {it["Sid"]: it for it in statements}
        topics = {"kms:EncryptionContext:aws:sns:topicArn": "arn:aws:sns:us-east-1:123456789012:*"}
        for sid in ["ImageBuilderPublishes", "AlarmsPublish"]:
            self.assertEqual(by_sid[sid]["Action"], ["kms:GenerateDataKey*", "kms:Decrypt"])
            self.assertEqual(by_sid[sid]["Condition"]["ArnLike"], topics, sid)
        through_sns = {"kms:ViaService": "sns.us-east-1.amazonaws.com*"}
        self.assertEqual(by_sid["ImageBuilderPublishes"]["Condition"]["StringLike"], through_sns)
        alarms = by_sid["AlarmsPublish"]
        self.assertEqual(alarms["Principal"], {"Service": "cloudwatch.amazonaws.com"})
        self.assertEqual(
            alarms["Condition"]["StringEquals"], {"aws:SourceAccount": "123456789012"}
        )
        for stack in self.stacks():
            key = OWN_KEY if stack.parameters["KmsKeyArn"] else "Key.Arn"
            for topic in stack.of("AWS::SNS::Topic").values():
                self.assertEqual(topic["KmsMasterKeyId"], key)
            for function in STARTING:
                role = stack.of("AWS::Lambda::Function")[function]["Role"].removesuffix(".Arn")
                self.assertTrue(self.role_may(stack, role, "sns:Publish", "ReportTopic"))
                [use] = [
                    it for it in self.statements(stack, role) if "kms:GenerateDataKey" in it["Action"]
                ]
                self.assertEqual(use["Action"], ["kms:GenerateDataKey", "kms:Decrypt"])
                self.assertEqual(use["Resource"], key)
                self.assertEqual(use["Condition"]["StringLike"], through_sns)
                report_topic = {"kms:EncryptionContext:aws:sns:topicArn": "ReportTopic"}
                self.assertEqual(use["Condition"]["ArnEquals"], report_topic)

    def test_the_keys_policy_names_no_principal_that_may_not_exist(self):
        """KMS refuses such a policy, and Image Builder's role exists only once it has been used."""
        [key] = WITH_DEFAULTS.of("AWS::KMS::Key").values()
        for it in key["KeyPolicy"]["Statement"]:
            principal = it["Principal"]
            if principal == {"AWS": "*"}:
                condition = it["Condition"]
                role = condition["ArnEquals"]["aws:PrincipalArn"].rsplit("/", 1)[-1]
                self.assertEqual(role, "AWSServiceRoleForImageBuilder")
                caller = {"kms:CallerAccount": "123456789012"}
                self.assertEqual(condition["StringEquals"], caller)
            else:
                account = {"AWS": "arn:aws:iam::123456789012:root"}
                service = {"Service": "cloudwatch.amazonaws.com"}
                self.assertIn(principal, [account, service])

    def test_given_a_key_of_the_account_then_no_key_is_created(self):
        self.assertEqual(len(WITH_DEFAULTS.of("AWS::KMS::Key")), 1)
        self.assertEqual(WITH_EVERYTHING.of("AWS::KMS::Key"), {})

    def test_topics_and_queue_refuse_requests_without_tls(self):
        kinds = {"AWS::SNS::TopicPolicy": "Topics", "AWS::SQS::QueuePolicy": "Queues"}
        for stack in self.stacks():
            protected = set()
            for kind, names in kinds.items():
                for policy in stack.of(kind).values():
                    [deny] = [
                        it for it in policy["PolicyDocument"]["Statement"] if it["Effect"] == "Deny"
                    ]
                    self.assertEqual(deny["Principal"], "*")
                    without_tls = {"Bool": {"aws:SecureTransport": "false"}}
                    self.assertEqual(deny["Condition"], without_tls)
                    protected |= set(policy[names])
            made = {*stack.of("AWS::SNS::Topic"), *stack.of("AWS::SQS::Queue")}
            self.assertEqual(protected, made)

    def test_topic_policies_allow_image_builder_alarms_and_the_account_to_publish(self):
        for stack in self.stacks():
            for policy in stack.of("AWS::SNS::TopicPolicy").values():
                [topic] = policy["Topics"]
                allowed = {
                    str(it["Principal"]): it
                    for it in policy["PolicyDocument"]["Statement"]
                    if it["Effect"] == "Allow"
                }
                account = allowed[str({"AWS": "arn:aws:iam::123456789012:root"})]
                self.assertIn("sns:Publish", account["Action"])
                if topic == "ReportTopic":
                    alarms = allowed[str({"Service": "cloudwatch.amazonaws.com"})]
                    self.assertEqual(alarms["Action"], "sns:Publish")
                    self.assertEqual(
                        alarms["Condition"], {"StringEquals": {"aws:SourceAccount": "123456789012"}}
                    )

    def test_other_accounts_may_subscribe_only_if_they_are_named(self):
        def others(stack):
            policy = stack.of("AWS::SNS::TopicPolicy")["GoldTopicPolicy"]["PolicyDocument"]
            return [
                (it["Principal"]["AWS"], it["Action"])
                for it in policy["Statement"]
                if it["Sid"] == "OthersSubscribe"
            ]

        self.assertEqual(others(WITH_DEFAULTS), [])
        self.assertEqual(others(WITH_EVERYTHING), [(["210987654321", "310987654321"], "sns:Subscribe")])

    def test_every_role_has_the_boundary_and_the_path(self):
        for stack in self.stacks():
            roles = stack.of("AWS::IAM::Role")
            self.assertEqual(
                roles.keys(), {*(f"{function}Role" for function in FUNCTIONS), "ScheduleRole"}
            )
            for name, role in roles.items():
                boundary = stack.parameters["PermissionsBoundary"] or None
                self.assertEqual(role.get("PermissionsBoundary"), boundary, name)
                self.assertEqual(role["Path"], stack.parameters["RolePath"], name)
        self.assertEqual(WITH_EVERYTHING.parameters["RolePath"], "/platform/")

    def test_pipelines_may_be_tagged_with_the_resume_tag_only_and_only_if_enabled(self):
        for stack in self.stacks():
            tagging = [
                it
                for it in self.statements(stack, "DependencyCheckRole")
                if "imagebuilder:UntagResource" in each(it["Action"])
            ]
            self.assertEqual(len(tagging), stack.parameters["ResumeTag"] == "true")
            for it in tagging:
                # `ForAllValues` also holds if there is no key at all.
                self.assertEqual(
                    it["Condition"],
                    {
                        "ForAllValues:StringEquals": {
                            "aws:TagKeys": ["image-cascade:continue-here"]
                        },
                        "Null": {"aws:TagKeys": "false"},
                    },
                )
            for it in stack.of("AWS::Lambda::Function").values():
                variables = it["Environment"]["Variables"]
                self.assertEqual(variables["RESUME_TAG"], stack.parameters["ResumeTag"])

    def test_the_permission_to_start_includes_its_dependent_actions(self):
        for stack in self.stacks():
            for function in STARTING:
                for action in ["GetImagePipeline", "StartImagePipelineExecution"]:
                    own = "arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/*"
                    self.assertTrue(
                        self.role_may(stack, f"{function}Role", f"imagebuilder:{action}", own)
                    )

    def test_parameters_may_be_read_by_prefix_only(self):
        public = "arn:aws:ssm:us-east-1::parameter/aws/service/*"
        of_image_builder = "arn:aws:ssm:us-east-1:*:parameter/imagebuilder/*"
        [parameter] = WITH_DEFAULTS.of("AWS::SSM::Parameter").values()
        control = f"arn:aws:ssm:us-east-1:123456789012:parameter{parameter['Name']}"
        of_prefixes = ["arn:*:ssm:*:*:parameter/golden/*", "arn:*:ssm:*:*:parameter/shared-*"]
        for stack in self.stacks():
            for function in FUNCTIONS:
                statements = [
                    it
                    for it in self.statements(stack, f"{function}Role")
                    if it["Action"] == "ssm:GetParameters"
                ]
                self.assertEqual(statements[0]["Resource"], [public, of_image_builder, control])
                if stack is not WITH_EVERYTHING:
                    self.assertEqual(len(statements), 1)
                    continue
                [_, by_prefix] = statements
                self.assertEqual(by_prefix["Resource"], of_prefixes)
                here = {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}
                self.assertEqual(by_prefix["Condition"], here)

    def test_a_cancelled_build_invokes_gold_cascade_whether_or_not_other_events_do(self):
        """Image Builder does not notify the topic of it, and it leaves room for another build."""
        for stack in self.stacks():
            pattern = stack.of("AWS::Events::Rule")["ImageEvents"]["EventPattern"]
            listens = stack.parameters["ListenToImageEvents"] == "true"
            states = ENDED if listens else ["CANCELLED"]
            self.assertEqual(pattern["detail"]["state"]["status"], states)

    def test_a_change_of_a_parameter_or_of_a_calendar_of_the_stack_runs_a_check(self):
        for stack in self.stacks():
            pattern = json.loads(
                stack.of("AWS::Events::Rule")["SystemsManagerEvents"]["EventPattern"]
            )
            prefixes, calendars = [], ["none"]
            if stack is WITH_EVERYTHING:
                prefixes = ["golden/", "shared-", "/golden/", "/shared-"]
                calendars = CALENDARS
            parameters = {
                "operation": ["Create", "Update", "Delete"],
                "name": ["Control", *({"prefix": it} for it in prefixes)],
            }
            resources = [{"suffix": it} for it in calendars]
            self.assertEqual(
                pattern,
                {
                    "source": ["aws.ssm"],
                    "$or": [
                        {"detail-type": ["Parameter Store Change"], "detail": parameters},
                        {"detail-type": ["Calendar State Change"], "resources": resources},
                    ],
                },
            )

    def test_the_control_parameter_allows_starts_and_is_the_one_that_the_functions_read(self):
        for stack in self.stacks():
            [parameter] = stack.of("AWS::SSM::Parameter").values()
            self.assertEqual(json.loads(parameter["Value"]), {"starts": "on"})
            self.assertEqual(parameter["Type"], "String")
            # The Parameter Store refuses names that begin with aws or ssm, as a stack's name may.
            self.assertEqual(parameter["Name"], "/image-cascade/stack/control")
            for function in stack.of("AWS::Lambda::Function").values():
                variables = function["Environment"]["Variables"]
                self.assertEqual(variables["CONTROL_PARAMETER"], "Control")

    def test_no_parameter_of_the_template_changes_the_control_parameters_value(self):
        """CloudFormation would write the value again, and an upgrade would switch starts on."""
        parameters = {json.dumps(stack.resources["Control"]) for stack in self.stacks()}
        self.assertEqual(len(parameters), 1)

    def test_the_command_that_stops_starts_writes_the_control_parameter(self):
        command = WITH_DEFAULTS.resolve(TEMPLATE["Outputs"]["StopStarts"]["Value"])
        self.assertRegex(command, "^aws ssm put-parameter --name Control --type String ")
        value = re.search("--value '(.*)'$", command)[1]
        self.assertEqual(json.loads(value)["starts"], "off")

    def test_the_state_of_calendars_may_be_read_and_nothing_else_of_them(self):
        for stack in self.stacks():
            for function in FUNCTIONS:
                reading = [
                    (it["Action"], it["Resource"])
                    for it in self.statements(stack, f"{function}Role")
                    if "document/" in json.dumps(it["Resource"])
                ]
                documents = "arn:aws:ssm:us-east-1:*:document/*"
                self.assertEqual(reading, [("ssm:GetCalendarState", documents)])

    def test_the_functions_get_the_parameters_of_control(self):
        def control(stack):
            names = ["MAX_BUILDS", "DEFAULT_MODE", "DEFAULT_WINDOW", "CHANGE_CALENDARS"]
            names += ["MAX_AGE", "CVE_SEVERITY", "CVE_MIN_AGE"]
            functions = stack.of("AWS::Lambda::Function").values()
            [values] = {tuple(it["Environment"]["Variables"][name] for name in names) for it in functions}
            return values

        self.assertEqual(control(WITH_DEFAULTS), ("20", "auto", "", "", "none", "none", "24h"))
        self.assertEqual(
            control(WITH_EVERYTHING),
            ("none", "ignore", "Mon-Thu 20:00+8h Europe/Berlin", ",".join(CALENDARS))
            + ("30d", "high", "12h"),
        )

    def test_the_parameters_of_control_accept_values_that_the_functions_accept_and_no_others(self):
        calendar_of_another = "arn:aws:ssm:us-east-1:210987654321:document/prod-freeze"
        for parameter, accepted, refused in [
            ("MaxAge", ["none", "1d", "30d", "1h", "60m"], ["", "0d", "59m", "30", "soon"]),
            ("CveMinAge", ["1d", "24h", "90m"], ["", "none", "59m", "0h"]),
            ("MaxBuilds", ["1", "20", "9999", "10000", "none"], ["", "0", "10001", "-1", "all"]),
            (
                "DefaultWindow",
                [
                    "",
                    "daily 00:00+1m UTC",
                    "Mon-Thu 20:00+8h Europe/Berlin",
                    "Sat+Sun 23:59+1439m Asia/Kathmandu",
                    "Mon-Tue+Fri 05:30+168h America/Argentina/Buenos_Aires",
                ],
                [
                    "Mon 24:00+8h UTC",
                    "Mon 20:60+8h UTC",
                    "Mon 20:00+0h UTC",
                    "Mon 20:00+169h UTC",
                    "fridayyyy 20:00+8h UTC",
                    "Mon 20:00+8h",
                    "0 20 * * *",
                ],
            ),
            ("ChangeCalendars", ["", "year-end", calendar_of_another], ["a b", "*", "arn:aws:ssm"]),
        ]:
            pattern = TEMPLATE["Parameters"][parameter]["AllowedPattern"]
            for value in accepted:
                self.assertRegex(value, pattern)
            for value in refused:
                self.assertNotRegex(value, pattern)

    def test_components_may_be_decrypted_with_the_named_keys_through_image_builder_only(self):
        for stack in self.stacks():
            decrypting = [
                it
                for function in FUNCTIONS
                for it in self.statements(stack, f"{function}Role")
                if it["Sid"] == "ReadsEncryptedComponents"
            ]
            self.assertEqual(len(decrypting), len(FUNCTIONS) if stack is WITH_EVERYTHING else 0)
            for it in decrypting:
                self.assertEqual((it["Action"], it["Resource"]), ("kms:Decrypt", COMPONENT_KEYS))
                through = {"kms:ViaService": "imagebuilder.us-east-1.amazonaws.com*"}
                self.assertEqual(it["Condition"], {"StringLike": through})

    def test_in_a_vpc_lambda_may_create_network_interfaces_and_the_code_may_not(self):
        for stack in self.stacks():
            for name, function in stack.of("AWS::Lambda::Function").items():
                vpc = function.get("VpcConfig")
                connecting = [
                    it
                    for it in self.statements(stack, f"{name}Role")
                    if "ec2:CreateNetworkInterface" in each(it["Action"])
                ]
                self.assertEqual(len(connecting), stack is WITH_EVERYTHING)
                if stack is not WITH_EVERYTHING:
                    self.assertIsNone(vpc)
                    continue
                self.assertEqual(
                    vpc, {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
                )
                # Calls of the function's code have this key.
                by_lambda_alone = {"Null": {"lambda:SourceFunctionArn": "true"}}
                self.assertEqual(connecting[0]["Condition"], by_lambda_alone)

    def test_concurrency_is_reserved_only_if_configured(self):
        for stack in self.stacks():
            for function in stack.of("AWS::Lambda::Function").values():
                reserved = function.get("ReservedConcurrentExecutions")
                self.assertEqual(reserved, "5" if stack is WITH_EVERYTHING else None)

    def test_logs_and_dead_letters_are_kept_only_if_configured(self):
        kinds = ("AWS::SQS::Queue", "AWS::Logs::LogGroup")
        for stack in self.stacks():
            policy = "Retain" if stack.parameters["KeepOnDelete"] == "true" else "Delete"
            kept = [it for it in stack.resources.values() if it["Type"] in kinds]
            self.assertEqual(Counter(it["Type"] for it in kept), {kinds[0]: 1, kinds[1]: len(FUNCTIONS)})
            for it in kept:
                self.assertEqual((it["DeletionPolicy"], it["UpdateReplacePolicy"]), (policy,) * 2)

    def test_kept_resources_equal_those_that_are_deleted(self):
        resources = TEMPLATE["Resources"]
        for name in ["DeadLetters", *(f"{function}Logs" for function in FUNCTIONS)]:
            one, other = resources[name], resources[f"Kept{name}"]
            self.assertEqual(one["Properties"], other["Properties"])

    def test_the_mail_address_is_hidden(self):
        self.assertIs(TEMPLATE["Parameters"]["ReportEmail"]["NoEcho"], True)

    def test_each_function_writes_to_its_log_group_with_retention(self):
        for stack in self.stacks():
            groups = stack.of("AWS::Logs::LogGroup")
            for function, it in stack.of("AWS::Lambda::Function").items():
                group = it["LoggingConfig"]["LogGroup"]
                self.assertEqual(groups[group]["RetentionInDays"], 90)
                key = stack.parameters["LogKmsKeyArn"] or None
                self.assertEqual(groups[group].get("KmsKeyId"), key)
                role = it["Role"].removesuffix(".Arn")
                self.assertTrue(self.role_may(stack, role, "logs:PutLogEvents", f"{group}.Arn"))

    def test_tracing_is_active_only_with_the_permission_to_send_traces(self):
        for stack in self.stacks():
            traces = stack.parameters["Traces"] == "true"
            for it in stack.of("AWS::Lambda::Function").values():
                role = it["Role"].removesuffix(".Arn")
                self.assertEqual(it.get("TracingConfig", {}).get("Mode") == "Active", traces)
                self.assertEqual(self.role_may(stack, role, "xray:PutTraceSegments", "*"), traces)

    def test_every_alarm_reports_beginning_and_end_and_has_an_existing_metric(self):
        metrics = {
            "ImageCascade": {
                "Failures",
                "FoundByCheck",
                "OldestStalenessHours",
                "PipelinesBehind",
                "Starts",
                "Unverified",
            },
            "AWS/Lambda": {
                "AsyncEventsDropped",
                "DestinationDeliveryFailures",
                "Invocations",
                "Throttles",
            },
            "AWS/SQS": {
                "ApproximateNumberOfMessagesNotVisible",
                "ApproximateNumberOfMessagesVisible",
                "NumberOfMessagesSent",
            },
        }
        watched = set()
        for stack in self.stacks():
            for name, alarm in stack.of("AWS::CloudWatch::Alarm").items():
                self.assertEqual(alarm["AlarmActions"], ["ReportTopic"], name)
                self.assertEqual(alarm["OKActions"], ["ReportTopic"], name)
                queries = [
                    it["MetricStat"]["Metric"]
                    for it in alarm.get("Metrics", [])
                    if "MetricStat" in it
                ]
                for metric in queries or [alarm]:
                    self.assertIn(metric["MetricName"], metrics[metric["Namespace"]], name)
                    [dimension] = metric["Dimensions"]
                    of = {*FUNCTIONS, f"{self.queue(stack)}.QueueName"}
                    self.assertIn(dimension["Value"], of, name)
                    watched.add((metric["Namespace"], metric["MetricName"]))
        self.assertEqual(watched, {(space, it) for space, names in metrics.items() for it in names})

    def test_no_alarm_is_about_errors_that_retries_fix(self):
        for stack in self.stacks():
            for alarm in stack.of("AWS::CloudWatch::Alarm").values():
                self.assertNotIn('"Errors"', json.dumps(alarm))

    def test_in_a_dry_run_there_are_no_alarms_about_builds(self):
        about_builds = {
            "PipelineIsBehind",
            "BuildsChangeNothing",
            "MorePipelinesNeedAttention",
            "StartsAreMany",
            "NotificationsDoNotArrive",
        }
        alarms = set(WITH_EVERYTHING.of("AWS::CloudWatch::Alarm"))
        self.assertLessEqual(about_builds, alarms)
        self.assertEqual(set(WITH_DEFAULTS.of("AWS::CloudWatch::Alarm")), alarms - about_builds)

    def test_the_alarm_about_notifications_can_be_switched_off(self):
        stack = Stack(TEMPLATE, DryRun="false", NotificationsAlarm="false")
        self.assertNotIn("NotificationsDoNotArrive", stack.of("AWS::CloudWatch::Alarm"))

    def test_no_resource_has_a_fixed_name(self):
        """The stack name of a StackSet has more than 60 characters, and a schedule's name at most 64.

        The name of a parameter may have a thousand, and contains the stack's.
        """
        for parameters in [{}, {"KeepOnDelete": "true", "ListenToImageEvents": "true"}]:
            stack = Stack(TEMPLATE, **parameters)
            for name, resource in stack.resources.items():
                for key, value in resource["Properties"].items():
                    # The name of a policy within a role is the role's own.
                    of_others = {"FunctionName", "MetricName", "PolicyName"}
                    names_itself = key.endswith("Name") and key not in of_others
                    is_reference = isinstance(value, str) and value in stack.resources
                    kinds = {"AWS::SSM::Parameter": "/stack/", "AWS::Logs::QueryDefinition": "stack/"}
                    is_of_the_stack = kinds.get(resource["Type"], "\n") in str(value)
                    is_free = is_reference or is_of_the_stack
                    self.assertFalse(names_itself and not is_free, f"{name}.{key}")

    def test_the_functions_that_only_read_may_write_nothing_but_their_log(self):
        of_lambda = re.compile("logs:|xray:|ec2:")
        for stack in self.stacks():
            for function in FUNCTIONS - STARTING:
                for it in self.statements(stack, f"{function}Role"):
                    for action in each(it["Action"]):
                        if not of_lambda.match(action):
                            self.assertRegex(action, ":(Get|List|Decrypt$)")

    def test_every_function_waits_for_the_permissions_that_all_share(self):
        """Lambda refuses a function in a VPC whose role may not connect to it."""
        for stack in self.stacks():
            for name in FUNCTIONS:
                waits = each(stack.resources[name]["DependsOn"])
                shared = [it for it in stack.of("AWS::IAM::Policy") if it in waits]
                self.assertEqual(shared, ["SharedPermissions"])
                [policy] = stack.of("AWS::IAM::Policy").values()
                self.assertIn(f"{name}Role", policy["Roles"])

    def test_no_service_may_invoke_the_map(self):
        """A console invokes it with the permissions of the person who looks at it."""
        for stack in self.stacks():
            for it in stack.of("AWS::Lambda::Permission").values():
                self.assertNotIn("FleetMap", it["FunctionName"])

    def test_the_default_is_a_dry_run(self):
        for function in WITH_DEFAULTS.of("AWS::Lambda::Function").values():
            self.assertEqual(function["Environment"]["Variables"]["DRY_RUN"], "true")

    def test_mail_is_sent_only_to_a_given_address(self):
        for stack in self.stacks():
            mails = [
                it for it in stack.of("AWS::SNS::Subscription").values() if it["Protocol"] == "email"
            ]
            self.assertEqual(len(mails), 1 if stack.parameters["ReportEmail"] else 0)
            for it in mails:
                self.assertEqual(it["TopicArn"], "ReportTopic")

    def test_one_line_decides_code_and_processor(self):
        """`sam build` compiles for the line that `sam deploy` deploys, so no parameter can contradict it."""
        self.assertNotIn("Architecture", TEMPLATE["Parameters"])
        for function in WITH_DEFAULTS.of("AWS::Lambda::Function").values():
            self.assertIn(function["Architectures"], [["arm64"], ["x86_64"]])


if __name__ == "__main__":
    unittest.main()
