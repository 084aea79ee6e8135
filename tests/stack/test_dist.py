"""Can every account and every StackSet deploy the template that tools/dist makes?"""

import json
import unittest

from resolve import Stack
from stacks import TEMPLATE

# `stacks` has put the folder of the tools on the path.
import dist


def keys(checksum: str, architectures=tuple(dist.ARCHITECTURES)):
    return {
        architecture: {name: f"{name}-{architecture}-{checksum}.zip" for name in dist.FUNCTIONS}
        for architecture in architectures
    }


PLAIN = dist.plain(keys("000000000000"), "1.2.3")


def code(template: dict, **parameters: str) -> dict[str, tuple]:
    functions = Stack(template, **parameters).of("AWS::Lambda::Function")
    return {
        name: (it["Architectures"], it["Code"]["S3Bucket"], it["Code"]["S3Key"])
        for name, it in functions.items()
    }


class Dist(unittest.TestCase):
    def test_it_has_no_macro(self):
        """StackSets with service-managed permissions refuse macros."""
        text = dist.written(PLAIN)
        for macro in ["Transform", "AWS::Serverless", "AWS::LanguageExtensions", "AWS::Include"]:
            self.assertNotIn(macro, text)

    def test_it_is_small_enough_for_a_bucket(self):
        self.assertLess(len(dist.written(PLAIN).encode()), dist.MAX_BYTES)
        self.assertEqual(json.loads(dist.written(PLAIN)), PLAIN)

    def test_the_processor_selects_the_code(self):
        for architecture in dist.ARCHITECTURES:
            chosen = code(PLAIN, CodeBucket="bucket", Architecture=architecture)
            for binary, function in dist.FUNCTIONS.items():
                key = f"image-cascade/{binary}-{architecture}-000000000000.zip"
                self.assertEqual(chosen[function], ([architecture], "bucket", key))

    def test_a_processor_without_code_cannot_be_selected(self):
        plain = dist.plain(keys("0", ["x86_64"]), "1.2.3")
        self.assertEqual(plain["Parameters"]["Architecture"]["AllowedValues"], ["x86_64"])
        self.assertEqual(plain["Parameters"]["Architecture"]["Default"], "x86_64")
        [architectures, _, key] = code(plain, CodeBucket="bucket")["GoldCascade"]
        self.assertEqual(architectures, ["x86_64"])
        self.assertEqual(key, "image-cascade/gold-cascade-x86_64-0.zip")

    def test_a_stack_set_finds_its_code_in_each_region(self):
        for has_region, bucket in [("false", "bucket"), ("true", "bucket-us-east-1")]:
            chosen = code(PLAIN, CodeBucket="bucket", CodeBucketHasRegion=has_region)
            self.assertEqual({it[1] for it in chosen.values()}, {bucket})
        chosen = code(PLAIN, CodeBucket="bucket", CodeKeyPrefix="")
        self.assertEqual(chosen["GoldCascade"][2], "gold-cascade-arm64-000000000000.zip")

    def test_other_code_changes_the_keys_of_the_code_only(self):
        """So new code is an update of the stack, and the update replaces nothing else."""
        before, after = dist.written(PLAIN), dist.written(dist.plain(keys("f" * 12), "1.2.3"))
        self.assertNotEqual(before, after)
        self.assertEqual(before, after.replace("f" * 12, "0" * 12))

    def test_it_is_the_same_stack_as_with_sam(self):
        for section in ["Resources", "Outputs"]:
            self.assertEqual(PLAIN[section].keys(), TEMPLATE[section].keys())
        for name, resource in TEMPLATE["Resources"].items():
            if resource["Type"] != "AWS::Lambda::Function":
                self.assertEqual(PLAIN["Resources"][name], resource)

    def test_the_same_program_is_the_same_zip(self):
        self.assertEqual(dist.archive(b"program"), dist.archive(b"program"))
        self.assertNotEqual(dist.archive(b"program"), dist.archive(b"another"))


if __name__ == "__main__":
    unittest.main()
