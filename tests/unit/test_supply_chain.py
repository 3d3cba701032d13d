"""What the audit makes of the registries' answers, and what the secret scan finds."""

import json
from datetime import date
from pathlib import Path

import pytest

from scripts import secret_scan
from scripts.audit import Advisory, NotAsked, exceptions, of_npm, of_pip

TODAY = date(2026, 11, 21)


def test_pip_audits_findings_go_by_all_their_names() -> None:
    report = {
        "dependencies": [
            {"name": "fine", "version": "1.0", "vulns": []},
            {
                "name": "broken",
                "version": "2.0",
                "vulns": [{"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"], "fix_versions": ["2.1"]}],
            },
        ]
    }

    assert list(of_pip(json.dumps(report))) == [
        Advisory("broken 2.0", frozenset({"PYSEC-2026-1", "CVE-2026-1"}), "fixed in 2.1")
    ]


def test_npms_findings_are_told_once_where_they_are() -> None:
    advisory = {"url": "https://github.com/advisories/GHSA-aaaa-bbbb-cccc", "title": "Prototype pollution"}
    report = {"vulnerabilities": {"deep": {"via": [advisory]}, "shallow": {"via": ["deep"]}}}

    assert list(of_npm(json.dumps(report))) == [
        Advisory("deep", frozenset({"GHSA-aaaa-bbbb-cccc"}), "Prototype pollution")
    ]


@pytest.mark.parametrize("report", ["", "not json", "{}", '{"dependencies": [{"name": "a", "skip_reason": "404"}]}'])
def test_a_registry_that_does_not_answer_is_not_taken_for_one_that_finds_nothing(report: str) -> None:
    with pytest.raises(NotAsked):
        list(of_pip(report))
    with pytest.raises(NotAsked):
        list(of_npm(report))


def test_an_exception_holds_until_its_day() -> None:
    text = '[GHSA-a]\nreason = "not reached"\nuntil = 2026-11-21\n[GHSA-b]\nreason = "same"\nuntil = 2026-11-20\n'

    assert exceptions(text, today=TODAY) == {"GHSA-a"}


@pytest.mark.parametrize("entry", ["until = 2027-01-01", 'reason = ""\nuntil = 2027-01-01', 'reason = "so"'])
def test_an_exception_needs_a_reason_and_a_day(entry: str) -> None:
    with pytest.raises(ValueError, match="GHSA-a"):
        exceptions(f"[GHSA-a]\n{entry}\n", today=TODAY)


# Put together here, so that the scan of this very file finds nothing.
KEYS = {
    "Vendor Key": ("sk-ant-" + "api03-" + "a1" * 45, "tvly-" + "a1" * 16, "lsv2_pt_" + "a1" * 16 + "_" + "a1" * 5),
    "AWS Access Key": ("AKIA" + "ABCDEFGHIJKLMNOP",),
    "Private Key": ("-----BEGIN " + "PRIVATE KEY-----",),
    "GitHub Token": ("ghp_" + "a1" * 18,),
}


@pytest.mark.parametrize(("kind", "key"), [(kind, key) for kind, keys in KEYS.items() for key in keys])
def test_a_key_is_found_with_its_line(tmp_path: Path, kind: str, key: str) -> None:
    file = tmp_path / "settings.py"
    file.write_text(f'"""Settings."""\n\nKEY = "{key}"\n')

    found = list(secret_scan.scan([str(file)]))

    assert secret_scan.Found(str(file), 3, kind) in found


def test_pictures_and_hashes_are_passed_over(tmp_path: Path) -> None:
    picture, lock = tmp_path / "a.png", tmp_path / "requirements.txt"
    picture.write_bytes(b"\x89PNG\xff\xfe")
    lock.write_text(f"package==1.0 --hash=sha256:{'0123456789abcdef' * 4}\n")

    assert list(secret_scan.scan([str(picture), str(lock)])) == []
