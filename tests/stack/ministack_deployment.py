"""Does the stack of dist/ work on another emulator of AWS?

MiniStack deploys the template of dist/ under a stack name as long as a StackSet's, and runs the zips of
dist/; SNS, SQS, the scheduler and EventBridge are MiniStack's. It has no Image Builder: that is our
emulator's, whose notifications are forwarded to MiniStack's topic.

    python ministack_deployment.py DIST EMULATOR

DIST is the output folder of `tools/dist`, and EMULATOR the program `image-cascade`.

MiniStack 1.5 differs from AWS where it matters here. It has no metric math, so alarms with metric math
watch their first metric alone (test_alarms.py plays them through), and no saved queries. It stores a subscription's redrive policy and a
schedule's retry policy, window and dead-letter queue, but does not use them. It does not enforce
permissions and keys. Its SNS invokes a function once and waits, while AWS invokes it asynchronously and
retries; so the path to the dead-letter queue is tested by an asynchronous invocation with the event
that SNS would send.
"""

import json
import platform
import sys
import unittest
import urllib.request
from pathlib import Path

from processes import ACCOUNT, REGION, Processes, answers, client, free_port, wait_for

EVENTS = Path(__file__).parents[2] / "events"

# As long as the stack names of a StackSet.
STACK = "StackSet-image-cascade-11111111-2222-3333-4444-555555555555"

# The processor of this machine.
ARCHITECTURE = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())


class Deployment(unittest.TestCase):
    dist: Path
    emulator: Path

    @classmethod
    def setUpClass(cls):
        processes = Processes()
        cls.addClassCleanup(processes.__exit__)
        cls.ours = f"http://127.0.0.1:{free_port()}"
        cls.theirs = f"http://127.0.0.1:{free_port()}"
        port = cls.ours.rsplit(":")[-1]
        processes.start([cls.emulator, "serve", "--empty", "--build-time", "1s", "--port", port])
        processes.start(
            [sys.executable, "-m", "ministack"],
            GATEWAY_PORT=cls.theirs.rsplit(":")[-1],
            MINISTACK_ACCOUNT_ID=ACCOUNT,
            AWS_ACCESS_KEY_ID=ACCOUNT,
            AWS_SECRET_ACCESS_KEY="local",
        )
        wait_for("the emulator", lambda: answers(cls.ours))
        wait_for("MiniStack", lambda: answers(f"{cls.theirs}/_localstack/health"))
        cls.image_builder = client("imagebuilder", cls.ours)
        cls.sns, cls.sqs = client("sns", cls.theirs), client("sqs", cls.theirs)
        cls.outputs = cls.deploy(CheckSchedule="rate(1 minute)", DryRun="false")
        cls.topic = cls.outputs["GoldTopicArn"]
        # The functions read parameters from our emulator, where the stack's is not.
        client("ssm", cls.ours).put_parameter(
            Name=cls.outputs["ControlParameter"], Value='{"starts": "on"}', Type="String"
        )
        cls.forwarded = 0
        cls.build_fleet()

    @classmethod
    def deploy(cls, **parameters) -> dict[str, str]:
        template = json.loads((cls.dist / "image-cascade.template.json").read_text())
        s3, cloudformation = client("s3", cls.theirs), client("cloudformation", cls.theirs)
        s3.create_bucket(Bucket="artifacts")
        for archive in cls.dist.glob("*.zip"):
            key = f"image-cascade/{archive.name}"
            s3.put_object(Bucket="artifacts", Key=key, Body=archive.read_bytes())
        for name in ["GoldCascade", "DependencyCheck", "FleetMap"]:
            # The stack does not contain Image Builder and the Parameter Store.
            variables = template["Resources"][name]["Properties"]["Environment"]["Variables"]
            variables["AWS_ENDPOINT_URL_IMAGEBUILDER"] = cls.ours
            variables["AWS_ENDPOINT_URL_SSM"] = cls.ours
        # Nothing else is changed.
        del template["Resources"]["WhyNotStarted"]
        for alarm in template["Resources"].values():
            if alarm["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in alarm["Properties"]:
                metrics = alarm["Properties"].pop("Metrics")
                first = next(it["MetricStat"] for it in metrics if "MetricStat" in it)
                statistic, period = first["Stat"], first["Period"]
                alarm["Properties"] |= {**first["Metric"], "Statistic": statistic, "Period": period}
        # A request takes a smaller one only.
        key = "image-cascade/image-cascade.template.json"
        s3.put_object(Bucket="artifacts", Key=key, Body=json.dumps(template).encode())
        parameters |= {"CodeBucket": "artifacts", "Architecture": ARCHITECTURE}
        cloudformation.create_stack(
            StackName=STACK,
            TemplateURL=f"{cls.theirs}/artifacts/{key}",
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
            ],
        )

        def ended():
            [stack] = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
            return None if stack["StackStatus"].endswith("_IN_PROGRESS") else stack

        stack = wait_for("the stack", ended)
        if stack["StackStatus"] != "CREATE_COMPLETE":
            events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
            failed = [it for it in events if it["ResourceStatus"].endswith("_FAILED")]
            raise AssertionError(json.dumps(failed, indent=1, default=str))
        return {it["OutputKey"]: it["OutputValue"] for it in stack["Outputs"]}

    @classmethod
    def build_fleet(cls):
        """gold on Amazon's image, java on gold, billing on java, with an image each."""
        # A topic with the same ARN, so that notifications can be forwarded.
        client("sns", cls.ours).create_topic(Name=cls.topic.rsplit(":")[-1])
        configured = cls.image_builder.create_infrastructure_configuration(
            name="standard", instanceProfileName="profile", snsTopicArn=cls.topic
        )
        own = f"arn:aws:imagebuilder:{REGION}:{ACCOUNT}:image"
        amazon = f"arn:aws:imagebuilder:{REGION}:aws:image/amazon-linux-2023-x86/x.x.x"
        parents = {"gold": amazon, "java": f"{own}/gold/x.x.x", "billing": f"{own}/java/x.x.x"}
        for name, parent in parents.items():
            recipe = cls.image_builder.create_image_recipe(
                name=name,
                semanticVersion="1.0.0",
                parentImage=parent,
                components=[
                    {"componentArn": f"arn:aws:imagebuilder:{REGION}:aws:component/update-linux/x.x.x"}
                ],
            )
            cls.image_builder.create_image_pipeline(
                name=name,
                imageRecipeArn=recipe["imageRecipeArn"],
                infrastructureConfigurationArn=configured["infrastructureConfigurationArn"],
            )

    @classmethod
    def run_pipeline(cls, name: str):
        arn = f"arn:aws:imagebuilder:{REGION}:{ACCOUNT}:image-pipeline/{name}"
        cls.image_builder.start_image_pipeline_execution(imagePipelineArn=arn)

    @classmethod
    def forward_notifications(cls):
        """Forwards to MiniStack's topic what Image Builder has published since the last call."""
        with urllib.request.urlopen(f"{cls.ours}/_emulator/messages") as response:
            messages = [it for it in json.load(response) if it["topic"] == cls.topic]
        for message in messages[cls.forwarded :]:
            cls.sns.publish(TopicArn=cls.topic, Message=message["message"])
        cls.forwarded = len(messages)

    @classmethod
    def built(cls, name: str) -> list[str]:
        """The parents of a pipeline's AVAILABLE images, oldest first."""
        arn = f"arn:aws:imagebuilder:{REGION}:{ACCOUNT}:image-pipeline/{name}"
        listed = cls.image_builder.list_image_pipeline_images(imagePipelineArn=arn)
        images = [
            cls.image_builder.get_image(imageBuildVersionArn=it["arn"])["image"]
            for it in listed["imageSummaryList"]
            if it["state"]["status"] == "AVAILABLE"
        ]
        images.sort(key=lambda it: it["dateCreated"])
        return [it["imageRecipe"]["parentImage"].split("image/")[1] for it in images]

    def publish(self, arn: str, status: str):
        message = json.dumps({"arn": arn, "state": {"status": status}})
        self.sns.publish(TopicArn=self.topic, Message=message)

    def log_with(self, text: str) -> str | None:
        """Everything that the functions have logged, if it contains this text."""
        logs = client("logs", self.theirs)
        groups = [it["logGroupName"] for it in logs.describe_log_groups()["logGroups"]]
        events = [logs.filter_log_events(logGroupName=group)["events"] for group in groups]
        log = "\n".join(it["message"] for group in events for it in group)
        return log if text in log else None

    def dead_letters(self) -> list[str]:
        queue = self.outputs["DeadLettersUrl"]
        received = self.sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0
        )
        return [it["Body"] for it in received.get("Messages", [])]

    def test_1_a_notification_invokes_the_zip_and_the_cascade_reaches_the_last_level(self):
        self.run_pipeline("gold")

        def at_the_last_level():
            self.forward_notifications()
            return self.built("billing")

        self.assertEqual(wait_for("billing's image", at_the_last_level), ["java/1.0.0/1"])
        self.assertEqual(self.built("java"), ["gold/1.0.0/1"])

    def test_2_the_schedule_makes_up_for_lost_notifications(self):
        body = json.dumps({"name": "amazon-linux-2023-x86", "version": "2026.12.1"}).encode()
        urllib.request.urlopen(
            urllib.request.Request(f"{self.ours}/_emulator/amazon-images", data=body, method="POST")
        )
        # Nothing is forwarded: the check alone, once a minute, updates the fleet level by level.
        wait_for("gold's second image", lambda: len(self.built("gold")) == 2)
        wait_for("java's second image", lambda: len(self.built("java")) == 2)
        self.assertEqual(self.built("java"), ["gold/1.0.0/1", "gold/1.0.0/2"])

    def test_3_a_filtered_message_does_not_invoke_the_function(self):
        # Both are unreadable, so the function logs an error for each that it receives.
        self.publish("unread, since it is filtered", "BUILDING")
        self.publish("not filtered", "AVAILABLE")
        log = wait_for("the message in the log", lambda: self.log_with("`not filtered` is not an"))
        self.assertNotIn("unread, since it is filtered", log)

    def test_3_an_eventbridge_event_on_the_topic_passes_the_filter(self):
        def publish(image: str, status: str) -> str:
            event = json.loads((EVENTS / "state-change.json").read_text())
            event["resources"] = [it.replace("gold-linux", image) for it in event["resources"]]
            event["detail"]["state"]["status"] = status
            sent = self.sns.publish(TopicArn=self.topic, Message=json.dumps(event))
            return sent["MessageId"]

        filtered = publish("filtered-image", "BUILDING")
        passed = publish("passed-image", "AVAILABLE")
        # The function logs which message it ignored, or which image it handled.
        log = wait_for(
            "the event in the log", lambda: self.log_with(passed) or self.log_with("passed-image")
        )
        self.assertNotIn(filtered, log)
        self.assertNotIn("filtered-image", log)

    def test_4_an_unreadable_event_is_kept_after_its_retries(self):
        self.assertEqual(self.dead_letters(), [])
        functions = client("lambda", self.theirs)
        cloudformation = client("cloudformation", self.theirs)
        function = cloudformation.describe_stack_resource(
            StackName=STACK, LogicalResourceId="GoldCascade"
        )
        name = function["StackResourceDetail"]["PhysicalResourceId"]
        event = json.loads((EVENTS / "malformed.json").read_text())
        # A message from another topic would be ignored, whatever it contains.
        event["Records"][0]["Sns"]["TopicArn"] = self.topic
        functions.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event))
        [letter] = wait_for("the dead letter", self.dead_letters)
        self.assertEqual(json.loads(letter)["requestPayload"], event)

    def test_5_the_subscription_has_its_filter_and_its_redrive_policy(self):
        [subscription] = self.sns.list_subscriptions_by_topic(TopicArn=self.topic)["Subscriptions"]
        attributes = self.sns.get_subscription_attributes(
            SubscriptionArn=subscription["SubscriptionArn"]
        )["Attributes"]
        self.assertEqual(attributes["FilterPolicyScope"], "MessageBody")
        redrive = json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"]
        queue = self.sqs.get_queue_attributes(
            QueueUrl=self.outputs["DeadLettersUrl"], AttributeNames=["All"]
        )["Attributes"]
        self.assertEqual(redrive, queue["QueueArn"])
        self.assertEqual(queue["MessageRetentionPeriod"], "1209600")

    def test_6_under_a_long_stack_name_the_schedules_name_fits(self):
        [schedule] = client("scheduler", self.theirs).list_schedules()["Schedules"]
        self.assertLessEqual(len(schedule["Name"]), 64)

    def test_6_the_dashboard_has_the_map_of_the_fleet(self):
        def physical_id(name):
            resource = client("cloudformation", self.theirs).describe_stack_resource(
                StackName=STACK, LogicalResourceId=name
            )
            return resource["StackResourceDetail"]["PhysicalResourceId"]

        dashboard = client("cloudwatch", self.theirs).get_dashboard(
            DashboardName=physical_id("FleetDashboard")
        )
        widgets = json.loads(dashboard["DashboardBody"])["widgets"]
        [widget] = [it for it in widgets if it["type"] == "custom"]
        self.assertEqual(widget["properties"]["endpoint"].split(":")[-1], physical_id("FleetMap"))
        answer = client("lambda", self.theirs).invoke(
            FunctionName=widget["properties"]["endpoint"],
            Payload=(EVENTS / "widget.json").read_bytes(),
        )
        self.assertNotIn("FunctionError", answer)
        html = json.loads(answer["Payload"].read())
        for name in ["gold", "java", "billing"]:
            self.assertIn(f'{{"why":"{name}"}}', html)

    def test_6_the_log_has_the_reason(self):
        text = self.log_with("billing started")
        self.assertIn("billing started: no image yet; parent image java 1.0.0/1", text)
        self.assertIn('"Namespace":"ImageCascade"', text)


if __name__ == "__main__":
    Deployment.dist, Deployment.emulator = map(Path, sys.argv[1:3])
    unittest.main(argv=sys.argv[:1], verbosity=2)
