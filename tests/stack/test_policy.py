"""Does the stack keep the rules of rules.guard, and does each rule refuse a stack that breaks it?

The rules are evaluated by AWS CloudFormation Guard, as a library.
"""

import copy
import unittest
from pathlib import Path

from cfn_guard_rs import run_checks

from stacks import WITH_DEFAULTS, STACKS

RULES = (Path(__file__).parent / "rules.guard").read_text()


def kept_and_broken(resources: dict) -> tuple[set[str], set[str]]:
    report = run_checks({"Resources": resources}, RULES)
    return set(report.compliant), {it.Rule.name for it in report.not_compliant}


class Policy(unittest.TestCase):
    def test_every_rule_holds_for_every_choice_of_parameters(self):
        all_rules = set()
        for name, stack in STACKS.items():
            with self.subTest(name):
                kept, broken = kept_and_broken(stack.resources)
                self.assertEqual(broken, set())
                all_rules |= kept
        self.assertEqual(len(all_rules), RULES.count("\nrule "))

    def test_each_rule_refuses_a_stack_that_breaks_it(self):
        def change(path, value):
            def changed(resources):
                *way, last = path.split("/")
                for step in way:
                    resources = resources[int(step) if step.isdigit() else step]
                if value is None:
                    del resources[last]
                else:
                    resources[last] = value

            return changed

        role = "GoldCascadeRole/Properties"
        shared = "SharedPermissions/Properties/PolicyDocument/Statement"
        planted = {
            "topics_are_encrypted_with_a_key_of_the_account": [
                change("GoldTopic/Properties/KmsMasterKeyId", "alias/aws/sns"),
                change("ReportTopic/Properties/KmsMasterKeyId", None),
            ],
            "keys_rotate_and_are_open_to_no_other_account": [
                change("Key/Properties/EnableKeyRotation", False),
                change("Key/Properties/KeyPolicy/Statement/0/Condition", {}),
                change("Key/Properties/KeyPolicy/Statement/1/Condition", {}),
            ],
            "topics_and_queues_refuse_requests_without_tls": [
                change("DeadLettersPolicy/Properties/PolicyDocument/Statement", []),
            ],
            "queues_are_encrypted_and_keep_messages_for_two_weeks": [
                change("DeadLetters/Properties/MessageRetentionPeriod", 345600),
            ],
            "failed_deliveries_are_kept": [
                change("GoldCascadeImageEnded/Properties/RedrivePolicy", None),
                change("DependencyCheckTick/Properties/Target/DeadLetterConfig", None),
            ],
            "logs_have_retention": [change("GoldCascadeLogs/Properties/RetentionInDays", None)],
            "functions_match_their_build": [
                change("GoldCascade/Properties/Handler", "index.handler"),
            ],
            "permissions_are_named": [
                change(f"{role}/Policies/0/PolicyDocument/Statement/0/Action", "imagebuilder:*"),
                change(f"{role}/Policies/0/PolicyDocument/Statement/0/Resource", "*"),
                change(f"{shared}/0/Action", "imagebuilder:*"),
                change(f"{shared}/1/Resource", "*"),
                change(f"{role}/ManagedPolicyArns", ["arn:aws:iam::aws:policy/PowerUserAccess"]),
            ],
            "roles_are_assumed_by_services": [
                change(
                    "ScheduleRole/Properties/AssumeRolePolicyDocument/Statement/0/Condition", None
                ),
            ],
            "invokers_are_named": [
                change("GoldCascadeImageEndedPermission/Properties/SourceArn", None),
            ],
            "alarms_report_beginning_and_end": [
                change("DeadLettersArrive/Properties/OKActions", None),
            ],
        }
        for rule, changes in planted.items():
            for number, plant in enumerate(changes):
                with self.subTest(rule, number=number):
                    resources = copy.deepcopy(WITH_DEFAULTS.resources)
                    plant(resources)
                    self.assertIn(rule, kept_and_broken(resources)[1])
        self.assertEqual(len(planted), RULES.count("\nrule "))


if __name__ == "__main__":
    unittest.main()
