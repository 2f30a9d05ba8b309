"""Which comments are asked, what that will cost, the shards."""
