"""The estimate of a month: complete for the stack as it is, and of the size that was promised."""

from dataclasses import replace
from decimal import Decimal

import pytest
from typer.testing import CliRunner

from app.platform import prices
from scripts import cost
from scripts.cost import Line, Profile, estimate, provider_calls
from tests.infrastructure.synthesized import Synthesized

PROMISED = Profile(items=1000, searches=3000, chats=1000)


def total(lines: list[Line]) -> Decimal:
    return sum((line.usd for line in lines), Decimal(0))


def test_nothing_in_the_stack_is_left_out_of_the_estimate(aws: Synthesized) -> None:
    assert cost.unknown(aws.template) == []


def test_a_month_of_the_promised_use_stays_within_the_goal(aws: Synthesized) -> None:
    assert 15 < total(estimate(aws.template, PROMISED)) <= cost.GOAL_USD


def test_the_database_is_charged_by_the_hour_and_by_its_size(aws: Synthesized) -> None:
    database = {line.what: line.usd for line in estimate(aws.template, PROMISED) if line.service == "RDS"}

    assert database == {
        "PostgreSQL on db.t4g.micro": Decimal("11.68"),
        "20 GB gp3, backups of as much included": Decimal("2.30"),
        "public address": Decimal("3.65"),
    }


@pytest.mark.parametrize("what", ["items", "searches", "chats", "users"])
def test_more_of_anything_costs_more(aws: Synthesized, what: str) -> None:
    doubled = replace(PROMISED, **{what: 2 * getattr(PROMISED, what)})

    assert total(estimate(aws.template, doubled)) > total(estimate(aws.template, PROMISED))


def test_without_anybody_only_what_stands_there_is_charged(aws: Synthesized) -> None:
    idle = estimate(aws.template, Profile(0, 0, 0, 0))

    charged = {line.service for line in idle if round(line.usd, 2) > 0}
    assert charged == {"RDS", "SQS", "CloudWatch", "Secrets Manager", "Lambda", "DynamoDB"}


def test_what_is_free_for_good_is_told_apart() -> None:
    line = Line("CloudWatch", "alarms", Decimal(14), prices.AWS["cloudwatch alarm"])

    assert (line.usd, line.usd_beyond_free) == (Decimal("1.40"), Decimal("0.40"))


def test_provider_calls_are_priced_by_the_models_of_the_template(aws: Synthesized) -> None:
    calls = {call.what: call for call in provider_calls(aws.template, PROMISED)}

    assert set(calls) == {"Images described", "Chats", "Items embedded", "Queries embedded"}
    assert all(call.model in prices.PRICES for call in calls.values())
    assert calls["Images described"].usd == prices.cost_usd(
        calls["Images described"].model, input_tokens=4_500_000, output_tokens=1_200_000
    )


def test_local_providers_cost_nothing(local: Synthesized) -> None:
    assert provider_calls(local.template, PROMISED) == []


def test_the_command_prints_every_line_its_assumptions_and_both_sums(
    aws: Synthesized, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = tmp_path / "CollectionsStack.template.json"
    template.write_text(cost.json.dumps(aws.template))
    monkeypatch.setattr(cost, "_TEMPLATE", template)
    monkeypatch.setattr(cost.deploy, "ROOT", tmp_path)

    answer = CliRunner().invoke(cost.app, ["--items", "10"])

    assert answer.exit_code == 0, answer.output
    for words in ("RDS", "Secrets Manager", "Images described", "goal", "Stack"):
        assert words in answer.output
    assert "Not estimated" not in answer.output
    assert all(sentence[:30] in answer.output for sentence in cost.ASSUMPTIONS)
