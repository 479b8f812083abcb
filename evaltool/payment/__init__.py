"""Mechanisms and the decision, in Decimal."""

from evaltool.payment.pay import Payment, pay

__all__ = ["Payment", "pay"]
