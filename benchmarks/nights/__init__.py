"""Nights of any size, timed: what a day is made of, what Bedrock answers, and what the same work costs elsewhere.

answers      what a Bedrock answers to each line, well or badly, the same every time
days         a day of that many comments
server       S3 and a Bedrock that answers at once, in a process of their own, which counts the requests
measured     what a piece of work took: seconds, CPU, memory, requests
ours         a night of this project
baseline     the same night by the script that an engineer would write in a day
floor        the bytes of that night, merely moved
"""
