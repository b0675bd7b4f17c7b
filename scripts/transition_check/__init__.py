"""What the rules of the built-in environments say, written apart from them: a second opinion on recorded streams.

`stream` reads a file and cuts it into episodes, `rooms` and `bandit` know the rules of one kind of environment each,
`whole_run` looks at what no single stream can show: splits, tasks, and how often chance did what.
"""
