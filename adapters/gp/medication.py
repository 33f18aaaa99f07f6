"""How the GP Connect triple hangs together: statement, plan, orders issued under the plan.

Suppliers link an order to its plan by `basedOn`, some by `groupIdentifier` alone. An order without its plan
is linked by the group if exactly one plan is in it; else it stands alone: a wrong plan is worse than none.
"""

from collections import defaultdict

from adapters.interface import JSON


def link_orders_to_plans(resources: list[JSON]) -> int:
    """Give orders without `basedOn` the one plan of their group, in place. Returns how many were linked."""
    plans: defaultdict[str, list[str]] = defaultdict(list)
    orders: list[tuple[str, JSON]] = []
    for resource in resources:
        if resource["resourceType"] != "MedicationRequest":
            continue
        group = _group(resource)
        if group is None:
            continue
        if resource.get("intent") == "plan":
            plans[group].append(f"MedicationRequest/{resource['id']}")
        elif "basedOn" not in resource:
            orders.append((group, resource))
    linked = 0
    for group, order in orders:
        if len(plans[group]) == 1:
            order["basedOn"] = [{"reference": plans[group][0]}]
            linked += 1
    return linked


def _group(request: JSON) -> str | None:
    """The group within one patient's record: system and value, the system often absent."""
    group = request.get("groupIdentifier") or {}
    subject = (request.get("subject") or {}).get("reference")
    if not group.get("value") or not subject:
        return None
    return f"{subject}|{group.get('system', '')}|{group['value']}"
