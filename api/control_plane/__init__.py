"""The AWS control plane's contract: its paths below `/control-plane`, its envelope, its errors."""

BASE = "/control-plane"
