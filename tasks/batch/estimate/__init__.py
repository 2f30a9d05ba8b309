"""What a night will cost, by the best source there is: counted, learnt, or constants."""
