"""The far side of the pipe: a warm interpreter, a supervisor for each program, and the program's process.

It is started as a script, from this folder alone, so it imports only the standard library and, relatively, its own
files. Nothing here is secret: a program may read all of it.
"""
