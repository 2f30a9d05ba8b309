"""Storms: nights in which everything goes wrong at once, in simulated time, and the books afterwards.

kill_points        the durable steps of a process, as its ports take them, and where it dies
world              simulated time, and the processes that live in it one at a time
simulated_clock    puts simulated time and a run's own ports where the stages look for the real ones
answers            what the model says: the truth, and every way to say it badly
bedrock_behaviour  what becomes of a Bedrock's jobs, and how it answers
memory_bedrock     batch inference in memory, whose jobs live in simulated time
comments           days of input whose right verdicts stand in their texts
lease_log          who held a day, one run after another
site               a site in a folder: its days, its Bedrock, the runs that work on it
fault_plan         everything that goes wrong, drawn from one seed
faulty_process     what the plan does to each call of a process
two_runs           two runs of one day, one in the middle of the other
storm              one seed: a few days of faults, then calm runs until they are published
invariants         what must hold afterwards, whatever happened
"""
