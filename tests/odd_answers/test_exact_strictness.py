"""What Exact may refuse or leave out, and its simulator does: the connector copes with each."""

from local.firm import DE, NL
from local.in_memory.environment import InMemoryEnvironment

LINES = "purchaseorder/PurchaseOrderLines"
POST = ("POST", "/api/v1/{division}/purchaseorder/PurchaseOrders")


def without_payment_condition(env: InMemoryEnvironment) -> None:
    """Connect with divisions that have no payment condition, at an Exact that demands one."""
    env.exact.policy.payment_condition_required = True
    divisions = [
        {**each, "default_payment_condition": None, "country": branch}
        for each, branch in zip(env.config()["divisions"], ("NL", "BE", "DE"), strict=True)
    ]
    env.connect(divisions=divisions)


def test_an_order_without_payment_condition_in_germany_is_not_sent(
    env: InMemoryEnvironment,
) -> None:
    without_payment_condition(env)
    german, dutch = env.order("PO-1", DE), env.order("PO-2", NL)
    assert env.post(german).state == "review"
    assert env.post(dutch).state == "posted"
    assert env.codes(german) == ["PAYMENT_CONDITION_MISSING"]
    assert env.exact.counters[POST] == 1
    env.connect()  # with the default that the exception names
    env.retry(german)
    assert env.record(german).state == "posted"
    [posted] = env.in_exact(DE)
    assert posted["PaymentCondition"] == "30"


def test_a_supplier_that_gets_a_payment_condition_in_exact_lets_the_order_go_on(
    env: InMemoryEnvironment,
) -> None:
    without_payment_condition(env)
    order = env.order("PO-1", DE)
    env.post(order)
    account, [supplier] = (
        "crm/Accounts",
        [
            key
            for key, row in env.exact.world.divisions[DE.division].table("crm/Accounts").items()
            if row["Name"] == "Cloudwerk"
        ],
    )
    env.exact.change(DE.division, account, supplier, PaymentConditionPurchase="30")
    for _ in range(30):
        env.wait(minutes=10)
    assert env.record(order).state == "posted"


def test_a_line_changed_in_exact_is_noticed_although_the_header_does_not_say_so(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    order = env.order("PO-1")
    env.post(order)
    [before] = env.in_exact()
    env.clock.move(300)
    env.exact.change(NL.division, LINES, before["lines"][0]["ID"], UnitPrice=1300.0)
    [after] = env.in_exact()
    assert after["Modified"] == before["Modified"]
    for _ in range(25):
        env.wait(minutes=10)
    assert env.codes(order) == ["CHANGED_IN_EXACT"]


def test_refused_parallel_calls_are_none_of_one_worker(env: InMemoryEnvironment) -> None:
    env.exact.policy.refuse_parallel = True
    env.connect()
    orders = [env.order(f"PO-{number}") for number in range(5)]
    assert [env.post(order).state for order in orders] == ["posted"] * 5
    assert not [call for call in env.exact.calls if call.status == 429]


def test_a_refused_parallel_call_is_made_again_and_posts_once(env: InMemoryEnvironment) -> None:
    env.exact.policy.refuse_parallel = True
    env.connect()
    order = env.order("PO-1")
    assert env.exact.parallel.begin(NL.division)  # somebody else's call
    assert env.post(order).state != "posted"
    assert not env.in_exact()
    env.exact.parallel.end(NL.division)
    for _ in range(5):
        env.wait(minutes=1)
    assert env.record(order).state == "posted"
    assert len(env.in_exact()) == 1


def test_a_spent_contract_parks_the_orders_until_midnight(env: InMemoryEnvironment) -> None:
    env.connect()
    contract = env.exact.limits.contract
    contract.spend(env.clock(), contract.per_day)
    order = env.order("PO-1")
    env.post(order)
    calls = len(env.exact.calls)
    env.wait(minutes=60)
    assert env.record(order).state != "posted"
    assert len(env.exact.calls) - calls <= 6
    assert not env.codes(order)
    for _ in range(20):
        env.wait(minutes=60)
    assert env.record(order).state == "posted"
    assert len(env.in_exact()) == 1
