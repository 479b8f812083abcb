"""What the functions of the direct road share: a call becomes the tables of a plan, and takes the plan's road."""
