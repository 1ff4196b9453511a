"""count_tests.py REPORT: prints how many tests of a JUnit report of ctest passed, failed and were skipped, and the names
of those that did not pass. A program that passed but skipped some of its cases counts as skipped: no server was there."""
import re
import sys
import xml.etree.ElementTree

SKIPPED_CASE = re.compile(r"^\[  SKIPPED \]|^SKIPPED \[|\d+ skipped", re.M)

passed, failed, skipped = [], [], []
for case in xml.etree.ElementTree.parse(sys.argv[1]).getroot().iter("testcase"):
    output = case.findtext("system-out") or ""
    if case.get("status") == "fail":
        failed.append(case.get("name"))
    elif case.get("status") != "run" or SKIPPED_CASE.search(output):
        skipped.append(case.get("name"))
    else:
        passed.append(case.get("name"))
print(len(passed), len(failed), len(skipped), *failed, *(f"{name} (skipped)" for name in skipped))
