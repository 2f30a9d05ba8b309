"""Nights of any size, timed: what a day is made of, what Bedrock answers, and what the same work costs elsewhere.

answers      what a Bedrock answers to each line, well or badly, the same every time
"""
