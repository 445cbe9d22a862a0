"""The instruments of the lessons. The shop never knows that it is being watched.

start("01")       opens a lesson: a schema of its own, with the lesson's data in it
"""

from orderlib.teaching.start import start

__all__ = ["start"]
