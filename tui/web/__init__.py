"""The terminal in a browser: a sign-in in front, one process per tab, and nothing from foreign hosts.

What draws is textual-serve's browser side (xterm.js) and its protocol to the process of an app. What it has
none of is here: who may come in (`sign_ins`), how many (`seats`), what a process may touch (`fence`), and
what a browser may do with the pages (`security`).
"""
