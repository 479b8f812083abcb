"""evaltool: did the intervention work, and is the payment due?"""
