"""What wakes somebody: alarms on one topic, a dashboard, and a budget."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infrastructure.clouds import Cloud
from infrastructure.pipeline_stage import PipelineStage

FIVE_MINUTES = Duration.minutes(5)


class Monitoring(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cloud: Cloud,
        api: apigatewayv2.HttpApi,
        stages: Sequence[PipelineStage],
        # Nobody waits for these, so nobody would notice.
        unattended: Sequence[lambda_.Function],
        alarms: Sequence[cloudwatch.Alarm],
    ) -> None:
        super().__init__(scope, construct_id)
        self.topic = sns.Topic(self, "Alarms", enforce_ssl=True)
        if cloud.alarm_email:
            self.topic.add_subscription(subscriptions.EmailSubscription(cloud.alarm_email))
        own = [self._server_errors(api), *(self._errors(function) for function in unattended)]
        action = actions.SnsAction(self.topic)
        for alarm in [*alarms, *own]:
            alarm.add_alarm_action(action)
        self._dashboard(api, stages, [*alarms, *own])
        if cloud.monthly_budget_usd is not None:
            self._budget(cloud.monthly_budget_usd, environment=cloud.environment)

    def _server_errors(self, api: apigatewayv2.HttpApi) -> cloudwatch.Alarm:
        return cloudwatch.Alarm(
            self,
            "ServerErrors",
            alarm_description="The API answered 5xx more than a few times in five minutes.",
            metric=api.metric_server_error(period=FIVE_MINUTES, statistic="Sum"),
            threshold=5,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    def _errors(self, function: lambda_.Function) -> cloudwatch.Alarm:
        return cloudwatch.Alarm(
            self,
            f"{function.node.id}Errors",
            alarm_description=f"{function.node.id} failed.",
            metric=function.metric_errors(period=FIVE_MINUTES, statistic="Sum"),
            threshold=1,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    def _dashboard(
        self, api: apigatewayv2.HttpApi, stages: Sequence[PipelineStage], alarms: Sequence[cloudwatch.Alarm]
    ) -> None:
        requests = cloudwatch.GraphWidget(
            title="API",
            left=[api.metric_count(), api.metric_client_error(), api.metric_server_error()],
            right=[api.metric_latency(statistic="p95")],
        )
        waiting = cloudwatch.GraphWidget(
            title="Waiting", left=[stage.queue.metric_approximate_number_of_messages_visible() for stage in stages]
        )
        given_up = cloudwatch.GraphWidget(
            title="Given up", left=[stage.dlq.metric_approximate_number_of_messages_visible() for stage in stages]
        )
        duration = cloudwatch.GraphWidget(
            title="Duration, p95", left=[stage.function.metric_duration(statistic="p95") for stage in stages]
        )
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            widgets=[[cloudwatch.AlarmStatusWidget(alarms=alarms, width=24)], [requests, waiting, given_up, duration]],
        )

    def _budget(self, limit_usd: int, *, environment: str) -> None:
        """Tells at 80 % spent, and when the forecast passes the limit."""
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sns:Publish"],
                principals=[iam.ServicePrincipal("budgets.amazonaws.com")],
                resources=[self.topic.topic_arn],
            )
        )
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
