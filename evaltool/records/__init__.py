"""The nouns, frozen and valid at birth: plan, panel, design, estimate, gates, decision, run.

Import each record from its own module: ``records/`` re-exports nothing, so that ``payment/`` can use the
decision records without loading numpy or pandas.
"""
