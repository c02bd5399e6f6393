"""ASGI layers around the application, outermost first: observation, drain, identity, limits, time, refusals.

They stand outside the router, so that an unknown path is observed and limited like any other.
"""
