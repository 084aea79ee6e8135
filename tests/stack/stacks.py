"""The template as CloudFormation sees it, for each choice of parameters that makes a difference."""

import sys
from pathlib import Path

from resolve import Stack

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tools"))

from transform import transformed

TEMPLATE = transformed(ROOT / "template.yaml")

FOREIGN_TOPIC = "arn:aws:sns:us-east-1:210987654321:their-gold-images"

TOPIC_OF_ANOTHER_REGION = "arn:aws:sns:eu-west-1:123456789012:gold-images"

OWN_KEY = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"

LOG_KEY = "arn:aws:kms:us-east-1:123456789012:key/66666666-2222-3333-4444-555555555555"

COMPONENT_KEYS = [
    "arn:aws:kms:us-east-1:123456789012:key/77777777-2222-3333-4444-555555555555",
    "arn:aws:kms:us-east-1:210987654321:key/88888888-2222-3333-4444-555555555555",
]

CALENDARS = ["year-end", "arn:aws:ssm:us-east-1:210987654321:document/prod-freeze"]

BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"

STACKS = {
    "with defaults": Stack(TEMPLATE),
    "with everything enabled": Stack(
        TEMPLATE,
        DryRun="false",
        ListenToImageEvents="true",
        ParameterPrefixes="golden/,shared-",
        ChangeCalendars=",".join(CALENDARS),
        MaxBuilds="none",
        DefaultMode="ignore",
        MaxAge="30d",
        CveSeverity="high",
        CveMinAge="12h",
        DefaultWindow="Mon-Thu 20:00+8h Europe/Berlin",
        ReportEmail="team@example.com",
        Traces="true",
        SubscriberAccounts="210987654321,310987654321",
        SubnetIds="subnet-1,subnet-2",
        SecurityGroupIds="sg-1",
        ReservedConcurrency="5",
        PermissionsBoundary=BOUNDARY,
        RolePath="/platform/",
        KmsKeyArn=OWN_KEY,
        LogKmsKeyArn=LOG_KEY,
        ComponentKeyArns=",".join(COMPONENT_KEYS),
        KeepOnDelete="true",
    ),
    "with a topic of another account": Stack(
        TEMPLATE, GoldTopicArn=FOREIGN_TOPIC, ResumeTag="false", NotificationsAlarm="false"
    ),
    "with a topic of another Region": Stack(TEMPLATE, GoldTopicArn=TOPIC_OF_ANOTHER_REGION),
}

WITH_DEFAULTS = STACKS["with defaults"]
WITH_EVERYTHING = STACKS["with everything enabled"]
