"""The fast part of the public S3 tests, see s3_public_suite.py: of those that must
pass, all that do not wait for lifecycle rules. Without network it is skipped."""

from s3_public_suite import check, node, python, suite, wanted  # noqa: F401 (fixtures)


def test_fast_part_of_the_public_suite(node, suite, python, tmp_path):  # noqa: F811
    names = [name for name in wanted() if "lifecycle" not in name]
    assert len(names) > 450
    check(names, node, suite, python, tmp_path)
