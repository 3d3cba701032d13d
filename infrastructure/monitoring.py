"""What wakes somebody: alarms on one topic, a dashboard, and a budget."""

from collections.abc import Sequence

from aws_cdk import Aws, Duration
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infrastructure.alarms import DAY, FIVE_MINUTES, Limit, alarm, our_metric
from infrastructure.clouds import Cloud
from infrastructure.pipeline_stage import PipelineStage

# Whoever calls a provider, as `app.platform.providers.asking` is told.
ASKS_PROVIDERS = ("analyzer", "embedder", "chat")
SLOW_MS = 3_000
MANY_ITEMS = 10
# A month's budget for providers may be used up in so many days before anybody is called.
DEAR_DAYS_A_MONTH = 5


class Monitoring(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cloud: Cloud,
        api: apigatewayv2.HttpApi,
        api_function: lambda_.Function,
        stages: Sequence[PipelineStage],
        # Nobody waits for these, so nobody would notice.
        unattended: Sequence[lambda_.Function],
        # Those of the parts that know best when something is wrong with them.
        alarms: Sequence[cloudwatch.Alarm],
    ) -> None:
        super().__init__(scope, construct_id)
        self.topic = self._topic(cloud)
        own = [
            self._server_errors(api),
            self._slow(api_function),
            *(self._errors(function) for function in unattended),
            self._items_failed(),
            *(self._provider_failing(stage) for stage in ASKS_PROVIDERS),
            self._dear_day(cloud),
        ]
        action = actions.SnsAction(self.topic)
        for each in (*alarms, *own):
            each.add_alarm_action(action)
        self._dashboard(api, stages, [*alarms, *own])
        if cloud.monthly_budget_usd is not None:
            self._budget(cloud.monthly_budget_usd, environment=cloud.environment)

    def _topic(self, cloud: Cloud) -> sns.Topic:
        """Whoever is named gets a mail to confirm first. A policy of one's own takes the place of the one that lets
        the account's services publish, so that they are named."""
        topic = sns.Topic(self, "Alarms", enforce_ssl=True)
        if cloud.alarm_email:
            topic.add_subscription(subscriptions.EmailSubscription(cloud.alarm_email))
        for service in ("cloudwatch.amazonaws.com", "budgets.amazonaws.com"):
            topic.add_to_resource_policy(
                iam.PolicyStatement(
                    actions=["sns:Publish"],
                    principals=[iam.ServicePrincipal(service)],
                    resources=[topic.topic_arn],
                    conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
                )
            )
        return topic

    def _server_errors(self, api: apigatewayv2.HttpApi) -> cloudwatch.Alarm:
        return alarm(
            self,
            "ServerErrors",
            metric=api.metric_server_error(period=FIVE_MINUTES, statistic="Sum"),
            limit=Limit(4),
            says="The API answered 5xx more than a few times in five minutes.",
            runbook="the-api-answers-5xx",
        )

    def _slow(self, function: lambda_.Function) -> cloudwatch.Alarm:
        """Of the function, not the gateway: there a conversation takes seconds, as it should."""
        found = alarm(
            self,
            "Slow",
            metric=function.metric_duration(period=FIVE_MINUTES, statistic="p95"),
            limit=Limit(SLOW_MS, periods=3),
            says="One in twenty requests to the API took more than three seconds for a quarter of an hour.",
            runbook="the-api-is-slow",
        )
        # Of three requests the slowest is the 95th percentile.
        resource = found.node.default_child
        assert isinstance(resource, cloudwatch.CfnAlarm)
        resource.evaluate_low_sample_count_percentile = "ignore"
        return found

    def _errors(self, function: lambda_.Function) -> cloudwatch.Alarm:
        name = function.node.id
        return alarm(
            self,
            f"{name}Errors",
            metric=function.metric_errors(period=FIVE_MINUTES, statistic="Sum"),
            limit=Limit(0),
            says=f"{name} failed.",
            runbook=f"{name.lower()}-failed",
        )

    def _items_failed(self) -> cloudwatch.Alarm:
        return alarm(
            self,
            "ItemsFailed",
            metric=our_metric("items_failed", statistic="Sum", period=Duration.hours(1)),
            limit=Limit(MANY_ITEMS),
            says=f"More than {MANY_ITEMS} items failed within an hour.",
            runbook="many-items-fail",
        )

    def _provider_failing(self, stage: str) -> cloudwatch.Alarm:
        return alarm(
            self,
            f"{stage.capitalize()}Provider",
            metric=our_metric("provider_failed", statistic="Average", period=FIVE_MINUTES, stage=stage),
            limit=Limit(0.5, periods=3),
            says=f"For a quarter of an hour, more than half of what {stage} asked its provider had no answer.",
            runbook="a-provider-fails",
        )

    def _dear_day(self, cloud: Cloud) -> cloudwatch.Alarm:
        limit = cloud.provider_budget_usd / DEAR_DAYS_A_MONTH
        return alarm(
            self,
            "DearDay",
            metric=our_metric("paid_usd", statistic="Sum", period=DAY),
            limit=Limit(float(limit)),
            says=f"Providers cost more than {limit:.2f} USD within a day, by our own estimate.",
            runbook="a-dear-day",
        )

    def _dashboard(
        self, api: apigatewayv2.HttpApi, stages: Sequence[PipelineStage], alarms: Sequence[cloudwatch.Alarm]
    ) -> None:
        def graph(title: str, left: Sequence[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
            return cloudwatch.GraphWidget(title=title, left=[*left])

        requests = cloudwatch.GraphWidget(
            title="API",
            left=[api.metric_count(), api.metric_client_error(), api.metric_server_error()],
            right=[api.metric_latency(statistic="p95")],
        )
        failing = [
            our_metric("provider_failed", statistic="Average", period=FIVE_MINUTES, stage=stage)
            for stage in ASKS_PROVIDERS
        ]
        rows: list[list[cloudwatch.IWidget]] = [
            [cloudwatch.AlarmStatusWidget(alarms=alarms, width=24)],
            [
                requests,
                graph("Oldest", [each.queue.metric_approximate_age_of_oldest_message() for each in stages]),
                graph("Waiting", [each.queue.metric_approximate_number_of_messages_visible() for each in stages]),
                graph("Given up", [each.dlq.metric_approximate_number_of_messages_visible() for each in stages]),
            ],
            [
                graph("Duration, p95", [each.function.metric_duration(statistic="p95") for each in stages]),
                graph("Items failed", [our_metric("items_failed", statistic="Sum", period=FIVE_MINUTES)]),
                graph("Providers failing", failing),
                graph("Paid to providers, USD a day", [our_metric("paid_usd", statistic="Sum", period=DAY)]),
            ],
        ]
        cloudwatch.Dashboard(self, "Dashboard", widgets=rows)

    def _budget(self, limit_usd: int, *, environment: str) -> None:
        """Tells at 80 % spent, and when the forecast passes the limit."""
        budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name=f"collections-{environment}",
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=limit_usd, unit="USD"),
            ),
            notifications_with_subscribers=[self._notice("ACTUAL", 80), self._notice("FORECASTED", 100)],
        )

    def _notice(self, kind: str, percent: int) -> budgets.CfnBudget.NotificationWithSubscribersProperty:
        return budgets.CfnBudget.NotificationWithSubscribersProperty(
            notification=budgets.CfnBudget.NotificationProperty(
                notification_type=kind,
                comparison_operator="GREATER_THAN",
                threshold=percent,
                threshold_type="PERCENTAGE",
            ),
            subscribers=[budgets.CfnBudget.SubscriberProperty(subscription_type="SNS", address=self.topic.topic_arn)],
        )
