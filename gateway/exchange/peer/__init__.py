"""Between nodes: sealed questions out and in (envelope.md 5, 6; exchange.md, "What travels sealed").

Out: `ask.ask(node, Question(member, op, members, deadline)) -> Answered | Failed`. In: `endpoint.respond`,
which finds the handler of an op in the table of `gateway/bootstrap.py` (`operations`: how to write one).
"""
