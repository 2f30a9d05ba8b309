"""A local Amazon Bedrock: the batch-inference and inference calls over real HTTP.

``server`` speaks HTTP, ``model`` validates requests against botocore's own service models, ``operations`` holds
one method a call, ``catalog`` the models and inference profiles, ``jobs`` and ``engine`` the life of a batch job,
``processing`` its records, ``inference`` and ``families`` the answers, ``faults`` everything that can go wrong.
"""
