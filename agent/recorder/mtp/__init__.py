"""The driver for recorders that speak PTP or MTP.

transport (containers over one USB link) < session (transactions) < objects, reading < recorder.
"""
