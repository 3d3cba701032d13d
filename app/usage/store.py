"""The rows of `usage_days`, `usage_reservations` and `budget_months`.

A reservation is one statement, conditional on the user's day and on everybody's month, so it can be part of whatever
transaction claims the work. Both sums include what is reserved; settling corrects them.
"""

from decimal import Decimal
from typing import Any
from uuid import UUID

from app.platform.database import Connection, Database
from app.platform.spending import Spent
from app.usage.models import Kind, Terms, Usage, Used


class UsageStore:
    """Reads and writes one tenant's use."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def usage(self, user_id: UUID) -> Usage:
        """Today's and this month's, by kind."""
        with self._database.tenant(user_id) as connection:
            rows = {row["kind"]: row for row in connection.execute(SELECT_USAGE, [user_id]).fetchall()}
        return Usage(
            today={kind: _used(rows.get(kind), "today") for kind in Kind},
            month={kind: _used(rows.get(kind), "month") for kind in Kind},
        )

    def used_today(self, user_id: UUID, kind: Kind) -> int:
        with self._database.tenant(user_id) as connection:
            row = connection.execute(SELECT_USED_TODAY, [user_id, kind]).fetchone()
        return int(row["used"]) if row else 0

    def is_budget_spent(self, user_id: UUID, terms: Terms) -> bool:
        """Whether this month's budget leaves no room for one more unit."""
        with self._database.tenant(user_id) as connection:
            row = connection.execute(SELECT_BUDGET).fetchone()
        committed = row["committed"] if row else Decimal(0)
        return bool(committed + terms.most_usd > terms.budget_usd)

    def quota(self, terms: Terms) -> "StoredQuota":
        return StoredQuota(self._database, terms)


class StoredQuota:
    """A `Quota` on these terms."""

    def __init__(self, database: Database, terms: Terms) -> None:
        self._database = database
        self._terms = terms

    def reserve(self, connection: Connection, user_id: UUID, key: UUID, *, seconds: int) -> None:
        terms = self._terms
        terms.refuse_if_paused()
        found = connection.execute(
            RESERVE,
            {
                "user_id": user_id,
                "reservation_id": key,
                "kind": terms.kind,
                "per_day": terms.per_day,
                "most_usd": terms.most_usd,
                "budget_usd": terms.budget_usd,
                "seconds": seconds,
            },
        ).fetchone()
        if found is None or found["is_renewed"] or found["is_reserved"]:
            return
        # Whoever catches these lets the transaction go: a day that was counted up is counted down with it.
        raise terms.over_budget() if found["is_counted"] else terms.over_quota()

    def settle(self, connection: Connection, user_id: UUID, key: UUID, spent: Spent | None) -> None:
        settle(connection, user_id, key, spent, kind=self._terms.kind)

    def settle_alone(self, user_id: UUID, key: UUID, spent: Spent) -> None:
        with self._database.tenant(user_id) as connection:
            self.settle(connection, user_id, key, spent)


def settle(connection: Connection, user_id: UUID, key: UUID, spent: Spent | None, *, kind: Kind) -> None:
    """Turn a reservation into what was used; without one (it expired meanwhile) what was paid for is added anyway."""
    parameters = {
        "user_id": user_id,
        "reservation_id": key,
        "kind": kind,
        "unused": int(spent is None),
        "input_tokens": spent.input_tokens if spent else 0,
        "output_tokens": spent.output_tokens if spent else 0,
        "cost_usd": spent.cost_usd if spent else Decimal(0),
    }
    row = connection.execute(SETTLE, parameters).fetchone()
    if spent and row and not row["settled"]:
        connection.execute(ADD, parameters)


def _used(row: dict[str, Any] | None, span: str) -> Used:
    if row is None:
        return Used()
    spent = Spent(int(row[f"{span}_read"]), int(row[f"{span}_written"]), row[f"{span}_cost"])
    return Used(int(row[f"{span}_used"]), spent)


# An upsert waits for whoever is at the same row and then sees what they left: of many that want the last unit, one
# gets it. Order of locks: day, then month.
RESERVE = """
WITH renewed AS (
  UPDATE usage_reservations SET expires_at = now() + make_interval(secs => %(seconds)s)
  WHERE user_id = %(user_id)s AND reservation_id = %(reservation_id)s
  RETURNING true
),
counted AS (
  INSERT INTO usage_days AS u (user_id, day, kind, used)
  SELECT %(user_id)s, (now() AT TIME ZONE 'utc')::date, %(kind)s, 1
  WHERE NOT EXISTS (SELECT FROM renewed) AND %(per_day)s > 0
  ON CONFLICT (user_id, day, kind) DO UPDATE SET used = u.used + 1 WHERE u.used < %(per_day)s
  RETURNING day
),
budgeted AS (
  INSERT INTO budget_months AS b (month, reserved_usd)
  SELECT date_trunc('month', day)::date, %(most_usd)s FROM counted
  WHERE %(most_usd)s > 0 AND %(most_usd)s <= %(budget_usd)s
  ON CONFLICT (month) DO UPDATE SET reserved_usd = b.reserved_usd + excluded.reserved_usd
  WHERE b.spent_usd + b.reserved_usd + excluded.reserved_usd <= %(budget_usd)s
  RETURNING true
),
reserved AS (
  INSERT INTO usage_reservations (user_id, reservation_id, day, kind, most_usd, expires_at)
  SELECT %(user_id)s, %(reservation_id)s, day, %(kind)s, %(most_usd)s, now() + make_interval(secs => %(seconds)s)
  FROM counted WHERE %(most_usd)s = 0 OR EXISTS (SELECT FROM budgeted)
  RETURNING true
)
SELECT EXISTS (SELECT FROM renewed) AS is_renewed, EXISTS (SELECT FROM counted) AS is_counted,
  EXISTS (SELECT FROM reserved) AS is_reserved
"""

SETTLE = """
WITH reservation AS (
  -- A trigger takes back what it held of the budget.
  DELETE FROM usage_reservations WHERE user_id = %(user_id)s AND reservation_id = %(reservation_id)s
  RETURNING day, kind
),
counted AS (
  UPDATE usage_days AS u SET used = u.used - %(unused)s, input_tokens = u.input_tokens + %(input_tokens)s,
    output_tokens = u.output_tokens + %(output_tokens)s, cost_usd = u.cost_usd + %(cost_usd)s
  FROM reservation AS r WHERE u.user_id = %(user_id)s AND u.day = r.day AND u.kind = r.kind
),
budgeted AS (
  UPDATE budget_months AS b SET spent_usd = b.spent_usd + %(cost_usd)s
  FROM reservation AS r WHERE b.month = date_trunc('month', r.day)::date AND %(cost_usd)s > 0
)
SELECT count(*) AS settled FROM reservation
"""

ADD = """
WITH counted AS (
  INSERT INTO usage_days AS u (user_id, day, kind, used, input_tokens, output_tokens, cost_usd)
  VALUES (%(user_id)s, (now() AT TIME ZONE 'utc')::date, %(kind)s, 1,
    %(input_tokens)s, %(output_tokens)s, %(cost_usd)s)
  ON CONFLICT (user_id, day, kind) DO UPDATE SET used = u.used + 1,
    input_tokens = u.input_tokens + excluded.input_tokens, output_tokens = u.output_tokens + excluded.output_tokens,
    cost_usd = u.cost_usd + excluded.cost_usd
  RETURNING day
)
INSERT INTO budget_months AS b (month, spent_usd)
SELECT date_trunc('month', day)::date, %(cost_usd)s FROM counted WHERE %(cost_usd)s > 0
ON CONFLICT (month) DO UPDATE SET spent_usd = b.spent_usd + excluded.spent_usd
"""

SELECT_USAGE = """
WITH clock AS (SELECT (now() AT TIME ZONE 'utc')::date AS today)
SELECT kind,
  coalesce(sum(used) FILTER (WHERE day = today), 0) AS today_used,
  coalesce(sum(input_tokens) FILTER (WHERE day = today), 0) AS today_read,
  coalesce(sum(output_tokens) FILTER (WHERE day = today), 0) AS today_written,
  coalesce(sum(cost_usd) FILTER (WHERE day = today), 0) AS today_cost,
  sum(used) AS month_used, sum(input_tokens) AS month_read, sum(output_tokens) AS month_written,
  sum(cost_usd) AS month_cost
FROM usage_days CROSS JOIN clock
WHERE user_id = %s AND day >= date_trunc('month', today)::date
GROUP BY kind
"""

SELECT_USED_TODAY = """
SELECT used FROM usage_days WHERE user_id = %s AND day = (now() AT TIME ZONE 'utc')::date AND kind = %s
"""

SELECT_BUDGET = """
SELECT reserved_usd + spent_usd AS committed FROM budget_months
WHERE month = date_trunc('month', now() AT TIME ZONE 'utc')::date
"""
