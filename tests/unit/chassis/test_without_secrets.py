"""What is kept of messages: the audit and the answers of repeated commands."""

import json

from contracts.message import without_secrets
from contracts.rpc.labels import LabelFilter, Selection

NESTED = {
    "and": [
        {"field": "objects", "op": "ge", "value": 5},
        {
            "or": [
                {"not": {"field": "status", "op": "in", "value": ["skipped"]}},
                {"field": "round", "op": "eq", "value": 1},
            ]
        },
    ]
}


def test_a_nested_filter_is_kept_as_it_was_asked_for():
    chosen = LabelFilter.model_validate_json(json.dumps({"where": NESTED}))

    kept = without_secrets(Selection(filter=chosen))["filter"]["where"]

    assert LabelFilter.model_validate_json(json.dumps({"where": kept})) == chosen
    assert set(kept) == {"and"}
