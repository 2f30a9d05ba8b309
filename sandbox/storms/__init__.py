"""Storms: nights in which everything goes wrong at once, in simulated time, and the books afterwards.

fate         the durable steps of a process, as its ports take them, and where it dies
world        simulated time, and the processes that live in it one at a time
simulation   puts simulated time and a run's own ports where the stages look for the real ones
answers      what the model says: the truth, and every way to say it badly
bedrock      batch inference in memory, whose jobs live in simulated time
site         a site in a folder: its days, its Bedrock, the runs that work on it
succession   who held a day, one run after another
weather      everything that goes wrong, drawn from one seed
stormy_fate  what the weather does to each call of a process
duel         two runs of one day, one in the middle of the other
storm        one seed: a few days in the weather, then calm runs until they are published
invariants   what must hold afterwards, whatever happened
"""
