"""Who is compared with whom, settled without outcomes."""
