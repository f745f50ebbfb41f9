"""The scopes that an app needs at Exact, as its REST reference names them."""

ORDERS = "Purchase orders"
ACCOUNTS = "Crm accounts"
GL_ACCOUNTS = "Financial generalledgers"
ACCOUNTING = "Financial accounting"
COST_CENTRES = "Financial costcenters"
CASHFLOW = "Financial cashflow"
ITEMS = "Logistics items"
PROJECTS = "Projects"
ADMINISTRATION = "Organization administration"

REGISTERED = (
    ORDERS,
    ACCOUNTS,
    GL_ACCOUNTS,
    ACCOUNTING,
    COST_CENTRES,
    CASHFLOW,
    ITEMS,
    f"{PROJECTS} (if orders have some)",
    f"{ADMINISTRATION} (manage)",
)
"""What is chosen where the app is registered."""
