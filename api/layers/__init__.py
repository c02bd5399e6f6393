"""ASGI layers around the whole application, outermost first: observation, identity, limits, refusals, time.

They stand outside the router, so that an unknown path is observed and limited like any other.
"""
