"""Where alerts and heartbeats go: apprise's services, SNS, plain URLs."""
