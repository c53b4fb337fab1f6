"""The teaching page, `tinygram demo`: what happens to each message between write() and read(), in a browser.

`page/` draws and knows nothing of networks; `bridge` answers its questions with what the model did; `server` joins
the two on the loopback interface.
"""
